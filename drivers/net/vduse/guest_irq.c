/* SPDX-License-Identifier: BSD-3-Clause */

/* The driver's interrupts: when they are sent, and on which CPUs they arrive. */

#include <unistd.h>

#include <rte_lcore.h>

#include "pmd.h"

int
pmd_irq_parse_coalesce(const char *key, const char *value, struct pmd_coalesce *coalesce)
{
	const char *word = value + strspn(value, "0123456789:");
	unsigned int frames, usecs;
	int end = 0;

	/* digits only: sscanf() would take spaces and signs as well */
	if ((*word != '\0' && strcmp(word, "adaptive") != 0) || value[0] == ':' ||
			sscanf(value, "%5u:%7u%n", &frames, &usecs, &end) != 2 ||
			(value[end] != '\0' && strcmp(&value[end], ":adaptive") != 0) ||
			frames > RTE_VDUSE_NET_QUEUE_SIZE_MAX || usecs > PMD_COALESCE_USECS_MAX) {
		PMD_LOG(ERR,
				"%s=%s: not FRAMES:USECS or FRAMES:USECS:adaptive with up to %u "
				"frames and %u microseconds",
				key, value, RTE_VDUSE_NET_QUEUE_SIZE_MAX, PMD_COALESCE_USECS_MAX);
		return -EINVAL;
	}
	coalesce->frames = frames;
	coalesce->usecs = usecs;
	coalesce->adaptive = *word != '\0';
	return 0;
}

bool
pmd_irq_mask(const rte_cpuset_t *lcores, unsigned int nb_cpus, char *mask)
{
	const unsigned int words = (nb_cpus + 31) / 32;
	unsigned int cpu, w, n = 0;
	bool any = false;
	uint32_t word;

	for (w = words; w-- > 0;) {
		for (word = 0, cpu = 32 * w; cpu < RTE_MIN(32 * (w + 1), nb_cpus); cpu++)
			if (!CPU_ISSET(cpu, lcores))
				word |= RTE_BIT32(cpu % 32);
		n += sprintf(mask + n, w == words - 1 ? "%x" : ",%08x", word);
		any |= word != 0;
	}
	return any;
}

/* irq-affinity=auto */
static void
irq_set_auto(struct pmd_conf *conf)
{
	const long cpus = sysconf(_SC_NPROCESSORS_CONF);
	rte_cpuset_t lcores, cpuset;
	unsigned int lcore;

	CPU_ZERO(&lcores);
	RTE_LCORE_FOREACH(lcore)
	{
		cpuset = rte_lcore_cpuset(lcore);
		CPU_OR(&lcores, &lcores, &cpuset);
	}
	if (!pmd_irq_mask(&lcores, RTE_MIN(cpus, 4 * PMD_AFFINITY_DIGITS), conf->affinity)) {
		conf->affinity[0] = '\0';
		PMD_LOG(NOTICE,
				"%s: every CPU is an lcore's: interrupts arrive on any; leave one "
				"out "
				"of -l, or name CPUs with irq-affinity",
				conf->name);
	}
}

void
pmd_irq_affinity(struct pmd_conf *conf)
{
	if (conf->affinity_auto)
		irq_set_auto(conf);
	if (conf->affinity[0] != '\0')
		conf->net.dev.tuning.irq_affinity = conf->affinity;
}

int
pmd_irq_setup(struct rte_vduse_net *net, const struct pmd_conf *conf)
{
	const struct pmd_coalesce *c;
	unsigned int dequeue;
	int ret = 0;

	for (dequeue = 0; dequeue < RTE_DIM(conf->coalesce) && ret == 0; dequeue++) {
		c = &conf->coalesce[dequeue];
		ret = rte_vduse_net_set_coalesce(net, dequeue, c->frames, c->usecs);
		if (ret == 0)
			ret = rte_vduse_net_set_adaptive(net, dequeue, c->adaptive);
	}
	return ret;
}
