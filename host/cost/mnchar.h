/* SPDX-License-Identifier: MIT */
/*
 * libmnchar: what a neural-network layer costs on a microcontroller, for programs that search
 * architectures. It loads a cost table (`mnchar export`) and prices layers and whole networks in
 * latency and energy, with 95 % prediction intervals, and their gradient with respect to channel
 * counts.
 *
 *	struct mnchar_table *table;
 *	struct mnchar_predictor *latency;
 *	struct mnchar_layer layer;
 *	struct mnchar_cost cost = {.size = sizeof(cost)};
 *
 *	mnchar_table_open("f446re.json", &table, NULL);
 *	mnchar_predictor_new(table, 0, MNCHAR_LATENCY_MS, NULL, &latency, NULL);
 *	mnchar_layer_parse("conv_2d in=1x8x8x16 out_c=32 kernel=1x1", &layer, sizeof(layer), NULL);
 *	mnchar_layer_cost(latency, &layer, &cost, NULL);      cost.value is in ms
 *
 * Stable ABI. Functions are only added (symbol versions MNCHAR_1.0 ...). Structs that the caller
 * allocates start with their size: set it to sizeof, and only members that lie within it are read
 * or written, so a program that was compiled with an older header goes on working. Enum values are
 * never reused.
 *
 * Threads. A table and a predictor never change after they were made: any number of threads may
 * use one at once. Nothing is kept in globals. Free them when no thread uses them any more, and
 * predictors before their table.
 *
 * Errors. Functions return 0 or a negative MNCHAR_E_*; `err` may be NULL and else gets one
 * sentence. What `ret_` points to is untouched on failure, unless said otherwise. The library never
 * prints and never exits.
 */
#ifndef MNCHAR_H
#define MNCHAR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mnchar_status {
	MNCHAR_OK = 0,
	MNCHAR_E_INVALID = -1,     /* a value out of its range, or that contradicts another */
	MNCHAR_E_OVERFLOW = -2,    /* a size or a count overflows */
	MNCHAR_E_SYNTAX = -3,      /* the text or file cannot be parsed */
	MNCHAR_E_UNSUPPORTED = -4, /* an op, or a feature of the table, that is not known */
	MNCHAR_E_NOMEM = -5,
	MNCHAR_E_IO = -6,
	MNCHAR_E_NOTFOUND = -7, /* no such file, rig or op; or no model covers the layer */
	MNCHAR_E_VERSION = -16, /* a cost table of a later version */
};

struct mnchar_error {
	int code;
	char message[508];
};

/* Version of the library, "0.1.0", and of this interface: 1. */
const char *mnchar_version(void);
uint32_t mnchar_interface(void);

/* ---- Layers --------------------------------------------------------------------------------- */

enum mnchar_op {
	MNCHAR_CONV_2D = 1,
	MNCHAR_DEPTHWISE_CONV_2D = 2,
	MNCHAR_FULLY_CONNECTED = 3,
	MNCHAR_AVERAGE_POOL_2D = 4,
	MNCHAR_MAX_POOL_2D = 5,
	MNCHAR_MEAN = 6,
	MNCHAR_ADD = 7,
	MNCHAR_SOFTMAX = 8,
	MNCHAR_PAD = 9,
	MNCHAR_RESHAPE = 10,
	MNCHAR_MUL = 11,
	MNCHAR_SUB = 12,
	MNCHAR_MAXIMUM = 13,
	MNCHAR_MINIMUM = 14,
	MNCHAR_CONCATENATION = 15, /* the copy of one input: N inputs are N layers */
	MNCHAR_QUANTIZE = 16,
	MNCHAR_RELU = 17,
	MNCHAR_RELU6 = 18,
	MNCHAR_LOGISTIC = 19,
	MNCHAR_TANH = 20,
	MNCHAR_LEAKY_RELU = 21,
	MNCHAR_HARD_SWISH = 22,
	MNCHAR_STRIDED_SLICE = 23,
	MNCHAR_RESIZE_NEAREST_NEIGHBOR = 24,
	MNCHAR_TRANSPOSE = 25,
};

enum mnchar_padding { MNCHAR_VALID = 0, MNCHAR_SAME = 1 };
enum mnchar_activation { MNCHAR_NONE = 0, MNCHAR_FUSED_RELU = 1, MNCHAR_FUSED_RELU6 = 2 };

/*
 * An int8 layer with TensorFlow Lite's semantics. Shapes are N, H, W, C; a vector is 1, 1, 1, C.
 * mnchar_layer_init() sets what an op does not use, and the defaults (strides, dilations and
 * multiplier 1, a bias); the rest must be set.
 */
struct mnchar_layer {
	uint32_t size;
	uint32_t op; /* enum mnchar_op */
	uint32_t in[4];
	uint32_t in2[4];                            /* ops of two inputs */
	uint32_t shape[4];                          /* reshape, strided_slice, resize: the output */
	uint32_t out_channels;                      /* conv_2d, fully_connected */
	uint32_t kernel[2], stride[2], dilation[2]; /* height, width */
	uint32_t multiplier;                        /* depthwise_conv_2d */
	uint32_t padding;                           /* enum mnchar_padding */
	uint32_t activation;                        /* enum mnchar_activation */
	uint32_t bias;                              /* 0 or 1 */
	uint32_t axes;                              /* mean: bit 1 over H, bit 2 over W */
	uint32_t order;     /* transpose: bits 2i, 2i + 1: the input's dimension that becomes i */
	uint32_t sampling;  /* resize: 0 plain, 1 align_corners, 2 half_pixel */
	uint32_t pad[4][2]; /* pad: elements before and after; concatenation: of other inputs */
	uint32_t begin[4];  /* strided_slice */
	int32_t step[4];
};

/* size is sizeof(struct mnchar_layer). MNCHAR_E_UNSUPPORTED: no such op. */
int mnchar_layer_init(struct mnchar_layer *layer, size_t size, int op);

/* From the text form that cost tables use, as in the example above: README.md of mnchar has it. */
int mnchar_layer_parse(const char *text, struct mnchar_layer *ret_layer, size_t size,
		       struct mnchar_error *err);

/* "conv_2d" ...; "?" for an unknown op. */
const char *mnchar_op_name(int op);
/* The op of that name, or MNCHAR_E_NOTFOUND. */
int mnchar_op_parse(const char *name);

/* ---- Cost tables ---------------------------------------------------------------------------- */

struct mnchar_table;

/* Load a table, from a file or from len bytes of JSON, which are not needed afterwards. */
int mnchar_table_open(const char *path, struct mnchar_table **ret_table, struct mnchar_error *err);
int mnchar_table_read(const char *json, size_t len, struct mnchar_table **ret_table,
		      struct mnchar_error *err);
void mnchar_table_free(struct mnchar_table *table);

/* A rig: a board with its kernels and cache state. Rigs are never mixed. Strings belong to the
 * table. */
struct mnchar_rig {
	uint32_t size;
	int32_t cold;      /* 1: caches invalidated before each run */
	const char *kind;  /* "measured" on silicon, "virtual" (a modelled CPU), "published" */
	const char *board; /* "nucleo-f446re" ... */
	const char *kernels;
	const char *cycle_model; /* virtual boards: which; else "" */
	double clock_hz;         /* NAN: not known */
	/* How far the virtual board was found to be from measured layers: a JSON object with ops[]
	 * of op, n, ratio, mape_pct, p95_pct; "": not validated, or not virtual. */
	const char *validation;
};

size_t mnchar_table_rigs(const struct mnchar_table *table);
/* MNCHAR_E_NOTFOUND: rig is not below mnchar_table_rigs(). */
int mnchar_table_rig(const struct mnchar_table *table, size_t rig, struct mnchar_rig *ret_rig);
/* The first rig of that board, kernels and kind, each NULL for any: its number, or
 * MNCHAR_E_NOTFOUND. */
int mnchar_table_find(const struct mnchar_table *table, const char *board, const char *kernels,
		      const char *kind, int cold);

/* ---- Costs ---------------------------------------------------------------------------------- */

enum mnchar_quantity { MNCHAR_LATENCY_MS = 0, MNCHAR_ENERGY_MJ = 1 };

/* One rig's models of one quantity, in a form that is quick to evaluate. */
struct mnchar_predictor;

/*
 * model: "features", "ops" ... uses that one only; NULL: for each op and kernel path the one that
 * predicted held-out layers best. The table must outlive the predictor.
 */
int mnchar_predictor_new(const struct mnchar_table *table, size_t rig,
			 enum mnchar_quantity quantity, const char *model,
			 struct mnchar_predictor **ret_predictor, struct mnchar_error *err);
void mnchar_predictor_free(struct mnchar_predictor *predictor);

enum mnchar_flag {
	MNCHAR_EXTRAPOLATED = 1, /* the layer's size is outside of what was fitted */
	MNCHAR_UNCOVERED = 2,    /* no model for it: value is 0, and is no cost */
	MNCHAR_CLIPPED = 4,      /* the formula gave less than 0: value is 0 */
};

struct mnchar_cost {
	uint32_t size;
	uint32_t flags; /* of a program: those of all its layers */
	double value;   /* ms or mJ, of one run */
	/* 95 of 100 new layers like this one lie inside; NAN: the table does not say. */
	double lo, hi;
	const char *model; /* "features" ...; "" if there is none. Of a program "" */
	/* Of a program; of a layer 1 or 0, and its own. */
	uint64_t layers, layers_covered;
	double ops, ops_covered; /* 2 x multiply-accumulates */
	/* Of a program: the part of value that its layers alone do not cost. */
	double refill;
};

/*
 * Cost of a layer. MNCHAR_E_NOTFOUND: no model covers it, and err names its op and kernel path.
 * MNCHAR_E_INVALID, MNCHAR_E_OVERFLOW, MNCHAR_E_UNSUPPORTED: the layer makes no sense.
 */
int mnchar_layer_cost(const struct mnchar_predictor *predictor, const struct mnchar_layer *layer,
		      struct mnchar_cost *ret_cost, struct mnchar_error *err);

/*
 * Cost of n layers that run one after the other, and of each in ret_costs (n of them, or NULL; all
 * of the size that the first says). Values add up, and where the table knows what a fetch into a
 * data cache costs, `refill` is added to the sum: a layer that runs alone again and again finds its
 * constants in the cache, in a network the layers between have displaced them (random replacement;
 * no such figure is fitted to networks). Deviations do not add up: coefficients are wrong for
 * all layers alike, so their covariance is applied to the sum of the layers' features; the scatter
 * about the fit is mostly a misfit that layers of one op and kernel path share, so it is added up
 * within a path, and between paths, which are fitted from other layers, as the root of squares.
 *
 * An uncovered layer adds nothing and is flagged; MNCHAR_E_NOTFOUND is returned for it if it is
 * the first failure, after all is filled in: ret_total says how much was covered.
 */
int mnchar_program_cost(const struct mnchar_predictor *predictor, const struct mnchar_layer *layers,
			size_t n, struct mnchar_cost *ret_costs, struct mnchar_cost *ret_total,
			struct mnchar_error *err);

/* ---- Gradients ------------------------------------------------------------------------------ */

/*
 * Costs of channel counts that are real numbers. Kernels work in blocks of channels, so the true
 * cost has teeth: 15 channels can cost more than 16. Therefore the relaxation is relative to the
 * counts that a search allows, the multiples of `step`: there (and at 1) it is the cost itself,
 * between them it is interpolated linearly in each of the two counts. value is continuous, and the
 * derivatives are its own; on a multiple they are those towards more channels. A step of 1 follows
 * every tooth; 4, 8 or 16 see only the slope that counts.
 *
 * in is the channels of the input (of both, where an op has two of the same number), and everything
 * that follows from it: a depthwise convolution's outputs, a pool's, an addition's. out is only for
 * conv_2d and fully_connected; others ignore it and have the derivative 0.
 */
struct mnchar_gradient {
	uint32_t size;
	uint32_t flags;
	double value;       /* ms or mJ */
	double d_in, d_out; /* per channel */
};

/* in_channels, out_channels >= 1, replace those of the layer. As mnchar_layer_cost(). */
int mnchar_layer_gradient(const struct mnchar_predictor *predictor,
			  const struct mnchar_layer *layer, double in_channels, double out_channels,
			  uint32_t step, struct mnchar_gradient *ret_gradient,
			  struct mnchar_error *err);

/*
 * The same for n layers: channels[2 i] and channels[2 i + 1] are the in and out channels of layer
 * i, ret_d likewise gets the derivatives of the sum. Where two of them are one variable, because a
 * layer reads what another writes, add up their derivatives. Of the layers alone: `refill` is not
 * in it.
 */
int mnchar_program_gradient(const struct mnchar_predictor *predictor,
			    const struct mnchar_layer *layers, size_t n, const double *channels,
			    uint32_t step, double *ret_value, double *ret_d,
			    struct mnchar_error *err);

#ifdef __cplusplus
}
#endif

#endif
