/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXPLORE_H
#define EXPLORE_H

/* Behind the models and their code: runs them, whole and with each place left out. */

#include <iostream>

/** Executions of one model at most: one that needs more is too big. */
#define EXECUTIONS_MAX 400000

#define NB_PLACES ((int)(sizeof(places) / sizeof(places[0])))

static int left_out = -1;      /* of places; -1: none */
static bool passed[NB_PLACES]; /* by the model that runs */
static bool needed[NB_PLACES]; /* of all models: a fault without it was found */
static bool all_well = true;

static bool
place_left_out(int place)
{
	passed[place] = true;
	return place == left_out;
}

/* True: no execution is wrong. */
template <typename Model>
static bool
run(unsigned int bound, bool say, unsigned long *executions)
{
	std::ostream nowhere(NULL);
	rl::test_params params;
	bool well;

	params.search_type = bound == 0 ? rl::sched_full : rl::sched_bound;
	params.context_bound = bound;
	params.iteration_count = EXECUTIONS_MAX;
	params.output_stream = say ? &std::cout : &nowhere;
	params.progress_stream = &nowhere;
	params.execution_depth_limit = 500;
	well = rl::simulate<Model>(params);
	*executions = (unsigned long)params.stop_iteration;
	return well;
}

template <typename Model>
void
explore(const char *name, unsigned int bound)
{
	bool comes_by[NB_PLACES];
	unsigned long executions, tried;

	left_out = -1;
	memset(passed, 0, sizeof(passed));
	if (!run<Model>(bound, true, &executions)) {
		printf("not ok %s: execution %lu goes wrong\n", name, executions);
		all_well = false;
		return;
	}
	if (executions >= EXECUTIONS_MAX) {
		printf("not ok %s: not explored whole in %lu executions\n", name, executions);
		all_well = false;
	}
	printf("ok %s: %lu executions\n", name, executions);
	memcpy(comes_by, passed, sizeof(passed));
	for (int i = 0; i < NB_PLACES; i++) {
		left_out = i;
		if (!comes_by[i] || needed[i] || run<Model>(bound, false, &tried))
			continue;
		needed[i] = true;
		printf("  without %s %d: execution %lu goes wrong\n", places[i].function,
				places[i].nb, tried);
	}
	left_out = -1;
	fflush(stdout);
}

static const char *
spare_why(const struct place *place)
{
	for (const struct spare &each : spares)
		if (strcmp(each.function, place->function) == 0 && each.nb == place->nb)
			return each.why;
	return NULL;
}

int
main()
{
	models();
	for (int i = 0; i < NB_PLACES; i++) {
		const char *why = spare_why(&places[i]);

		if (needed[i] == (why != NULL)) {
			printf("not ok %s %d: %s\n", places[i].function, places[i].nb,
					why != NULL ? "is needed, and is said to be spare"
						    : "nothing goes wrong without it");
			all_well = false;
		} else if (why != NULL) {
			printf("ok %s %d: %s\n", places[i].function, places[i].nb, why);
		}
	}
	return all_well ? 0 : 1;
}

#endif /* EXPLORE_H */
