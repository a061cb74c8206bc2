/* SPDX-License-Identifier: MIT */
/*
 * Parsing a model of 1 MiB: a chain of 3x3 convolutions of 16 channels, each with weights, biases
 * and a scale per channel of its own, written here. The reference is memcpy of the same bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model.h"

#define SIZE  (1u << 20)
#define LAYER 3500 /* bytes of one layer, a little more than it takes */

static uint8_t file[SIZE];
static uint32_t used;

static void put(uint32_t at, const void *bytes, uint32_t n)
{
	if (at + n > SIZE)
		abort();
	memcpy(file + at, bytes, n);
}

static void put32(uint32_t at, uint32_t value)
{
	put(at, &value, 4);
}

/* A field holds how far away its child is. */
static void link_to(uint32_t field, uint32_t child)
{
	put32(field, child - field);
}

/* A table of n fields of 4 bytes each, all there, behind its vtable; field i is at + 4 + 4 i. */
static uint32_t table(uint32_t n)
{
	uint32_t vtable = used = (used + 3) / 4 * 4, at;
	uint16_t entry;

	at = (vtable + 4 + 2 * n + 3) / 4 * 4;
	entry = (uint16_t)(4 + 2 * n);
	put(vtable, &entry, 2);
	entry = (uint16_t)(4 + 4 * n);
	put(vtable + 2, &entry, 2);
	for (uint32_t i = 0; i < n; i++) {
		entry = (uint16_t)(4 + 4 * i);
		put(vtable + 4 + 2 * i, &entry, 2);
	}
	put32(at, at - vtable);
	used = at + 4 + 4 * n;
	return at;
}

static uint32_t field(uint32_t at, uint32_t i)
{
	return at + 4 + 4 * i;
}

/* A vector of n elements; they begin at an address that their size divides. */
static uint32_t vector(uint32_t n, uint32_t size)
{
	uint32_t at = (used + 4 + 7) / 8 * 8 - 4;

	put32(at, n);
	used = at + 4 + n * size;
	if (used > SIZE)
		abort();
	return at;
}

static uint32_t element(uint32_t at, uint32_t i)
{
	return at + 4 + 4 * i;
}

static uint32_t indices(uint32_t n, const uint32_t *values)
{
	uint32_t at = vector(n, 4);

	for (uint32_t i = 0; i < n; i++)
		put32(element(at, i), values[i]);
	return at;
}

/* scales: how many, along dimension 0. */
static uint32_t tensor(const uint32_t *shape, uint32_t rank, uint32_t type, uint32_t buffer,
		       uint32_t scales)
{
	const float scale = 0.01f;
	uint32_t at = table(5), quant, child;

	put32(field(at, 1), type);
	put32(field(at, 2), buffer);
	link_to(field(at, 0), indices(rank, shape));
	child = vector(6, 1);
	put(element(child, 0), "tensor", 6);
	link_to(field(at, 3), child);
	used++;
	quant = table(4);
	link_to(field(at, 4), quant);
	for (uint32_t i = 0; i < 2; i++) /* min, max */
		link_to(field(quant, i), vector(0, 4));
	child = vector(scales, 4);
	for (uint32_t i = 0; i < scales; i++)
		put(element(child, i), &scale, 4);
	link_to(field(quant, 2), child);
	link_to(field(quant, 3), vector(scales, 8));
	return at;
}

static uint32_t buffer(uint32_t bytes)
{
	uint32_t at = table(1);

	link_to(field(at, 0), vector(bytes, 1));
	return at;
}

static uint32_t conv(uint32_t i)
{
	const uint32_t inputs[] = {3 * i, 3 * i + 1, 3 * i + 2}, output = 3 * i + 3;
	uint32_t at = table(5), options;

	put32(field(at, 0), 0);
	link_to(field(at, 1), indices(3, inputs));
	link_to(field(at, 2), indices(1, &output));
	put32(field(at, 3), 1); /* Conv2DOptions */
	options = table(3);     /* padding, strides */
	link_to(field(at, 4), options);
	put32(field(options, 1), 1);
	put32(field(options, 2), 1);
	return at;
}

/* Tensors: activation, weights, bias for each layer, then the last activation. */
static uint32_t write_model(void)
{
	static const uint32_t activation[] = {1, 8, 8, 16}, weights[] = {16, 3, 3, 16},
			      bias[] = {16};
	const uint32_t n = SIZE / LAYER, first = 0, last = 3 * n;
	uint32_t model, code, graph, list, graphs;

	used = 4;
	put(4, "TFL3", 4);
	used = 8;
	model = table(5);
	link_to(0, model);
	put32(field(model, 0), 3);
	list = vector(1, 4);
	link_to(field(model, 1), list);
	code = table(4);
	link_to(element(list, 0), code);
	put32(field(code, 0), MN_BUILTIN_CONV_2D);
	link_to(field(code, 1), vector(0, 1));
	used++;
	put32(field(code, 2), 1);
	put32(field(code, 3), MN_BUILTIN_CONV_2D);
	link_to(field(model, 3), vector(0, 1));
	used++;
	graphs = vector(1, 4);
	link_to(field(model, 2), graphs);
	graph = table(4);
	link_to(element(graphs, 0), graph);
	link_to(field(graph, 1), indices(1, &first));
	link_to(field(graph, 2), indices(1, &last));
	list = vector(3 * n + 1, 4);
	link_to(field(graph, 0), list);
	for (uint32_t i = 0; i <= 3 * n; i++) {
		uint32_t b = i % 3 ? 1 + i / 3 * 2 + (i % 3 - 1) : 0;

		link_to(element(list, i), i % 3 == 0   ? tensor(activation, 4, MN_TYPE_INT8, 0, 1)
					  : i % 3 == 1 ? tensor(weights, 4, MN_TYPE_INT8, b, 16)
						       : tensor(bias, 1, MN_TYPE_INT32, b, 16));
	}
	list = vector(n, 4);
	link_to(field(graph, 3), list);
	for (uint32_t i = 0; i < n; i++)
		link_to(element(list, i), conv(i));
	list = vector(1 + 2 * n, 4);
	link_to(field(model, 4), list);
	for (uint32_t i = 0; i < 1 + 2 * n; i++)
		link_to(element(list, i), buffer(i == 0 ? 0 : i % 2 ? 16 * 9 * 16 : 64));
	return n;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void)
{
	static uint8_t copy[SIZE];
	const uint32_t n = write_model();
	double parse_s = 1e9, copy_s = 1e9;
	unsigned sum = 0;

	for (int round = 0; round < 50; round++) {
		double start = now_s(), took;
		struct mn_model *model;
		struct mn_err err;

		if (mn_model_parse(file, SIZE, &model, &err)) {
			fprintf(stderr, "%s\n", err.msg);
			return 1;
		}
		took = now_s() - start;
		parse_s = took < parse_s ? took : parse_s;
		if (model->subgraphs[0].n_operators != n)
			abort();
		mn_model_free(model);

		start = now_s();
		memcpy(copy, file, SIZE);
		took = now_s() - start;
		copy_s = took < copy_s ? took : copy_s;
		sum += copy[(uint32_t)round * 1000];
	}
	fprintf(stderr, "%smodel.parse: %u layers in 1 MiB, %.3f ms\n", sum == 1 ? " " : "", n,
		parse_s * 1e3);
	printf("{\"name\": \"model.parse\", \"value\": %.0f, \"unit\": \"bytes/s\", "
	       "\"reference\": %.0f, \"ratio\": %.4f, \"ms\": %.4f, \"reference_is\": \"memcpy of "
	       "the same bytes\"}\n",
	       SIZE / parse_s, SIZE / copy_s, copy_s / parse_s, parse_s * 1e3);
	return 0;
}
