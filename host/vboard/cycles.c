/* SPDX-License-Identifier: MIT */
#include "cycles.h"

#include "board.h"

const char *mn_stall_name(enum mn_stall cause)
{
	static const char *const names[MN_STALL_CAUSES] = {
#define X(name, text) text,
		MN_STALL_TABLE(X)
#undef X
	};

	return cause < MN_STALL_CAUSES ? names[cause] : "?";
}

uint32_t mn_lines_take(struct mn_cycles *m, struct mn_lines *ret_lines[MN_LINES_USED])
{
	uint32_t n = m->n_used;

	for (uint32_t k = 0; k < n; k++) {
		struct mn_lines *lines = m->used[k];
		uint32_t at = k;

		for (; at && ret_lines[at - 1]->used > lines->used; at--)
			ret_lines[at] = ret_lines[at - 1];
		ret_lines[at] = lines;
		lines->listed = MN_LINES_NOT_LISTED;
	}
	m->n_used = 0;
	return n;
}

int mn_cycles_new(const struct mn_board *board, uint32_t seed, struct mn_cycles **ret_model,
		  struct mn_err *err)
{
	return board->cpu == MN_CPU_CORTEX_M7 ? mn_m7_new(board, seed, ret_model, err)
					      : mn_m4_new(board, ret_model, err);
}

void mn_cycles_free(struct mn_cycles *model)
{
	if (model)
		model->ops->free(model);
}
