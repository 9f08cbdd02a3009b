/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the vduse-emu tool, and the faults they arm. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emu_broker.h"

static const char *const point_names[EMU_POINTS] = { "ioctl", "open", "read", "write", "mmap" };

static const struct {
	const char *name;
	int err;
} errnos[] = { { "EPERM", EPERM }, { "ENOENT", ENOENT }, { "EINTR", EINTR }, { "EIO", EIO },
	{ "ENXIO", ENXIO }, { "EBADF", EBADF }, { "EAGAIN", EAGAIN }, { "ENOMEM", ENOMEM },
	{ "EACCES", EACCES }, { "EFAULT", EFAULT }, { "EBUSY", EBUSY }, { "EEXIST", EEXIST },
	{ "ENODEV", ENODEV }, { "EINVAL", EINVAL }, { "EMFILE", EMFILE }, { "ENOTTY", ENOTTY },
	{ "ENOSPC", ENOSPC }, { "EPIPE", EPIPE } };

/* ioctls by the name the header gives them, without VDUSE_ or VHOST_ */
static const struct {
	const char *name;
	uint32_t nr;
} ioctls[] = { { "GET_API_VERSION", 0x00 }, { "SET_API_VERSION", 0x01 }, { "CREATE_DEV", 0x02 },
	{ "DESTROY_DEV", 0x03 }, { "GET_FEATURES", 0x04 }, { "SET_FEATURES", 0x05 },
	{ "IOTLB_GET_FD", 0x10 }, { "DEV_GET_FEATURES", 0x11 }, { "DEV_SET_CONFIG", 0x12 },
	{ "DEV_INJECT_CONFIG_IRQ", 0x13 }, { "VQ_SETUP", 0x14 }, { "VQ_GET_INFO", 0x15 },
	{ "VQ_SETUP_KICKFD", 0x16 }, { "VQ_INJECT_IRQ", 0x17 }, { "IOTLB_REG_UMEM", 0x18 },
	{ "IOTLB_DEREG_UMEM", 0x19 }, { "IOTLB_GET_INFO", 0x1a }, { "IOTLB_GET_FD2", 0x1b } };

static int
parse_u64(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno != 0 || *text == '\0' || *end != '\0' ? -EINVAL : 0;
}

static int
parse_errno(const char *text)
{
	uint64_t value;

	for (unsigned int i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (strcmp(text, errnos[i].name) == 0)
			return errnos[i].err;
	return parse_u64(text, &value) == 0 && value > 0 && value < 134 ? (int)value : -EINVAL;
}

static int
parse_ioctl(const char *text, uint32_t *nr)
{
	for (unsigned int i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]); i++) {
		if (strcmp(text, ioctls[i].name) == 0) {
			*nr = ioctls[i].nr;
			return 0;
		}
	}
	return -EINVAL;
}

/* Tell every back end which points to ask about. */
static void
arm(void)
{
	uint32_t bits = 0;

	for (unsigned int i = 0; i < EMU_FAULT_MAX; i++)
		if (emu.fault[i].used)
			bits |= 1U << emu.fault[i].point;
	for (unsigned int i = 0; i < EMU_DEV_MAX; i++)
		if (emu.dev[i].used)
			atomic_store_explicit(&emu.dev[i].shm->armed, bits, memory_order_release);
}

static void
pause_ms(uint32_t ms)
{
	struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	if (ms == 0)
		return;
	pthread_mutex_unlock(&emu.lock);
	nanosleep(&wait, NULL);
	pthread_mutex_lock(&emu.lock);
}

/* Does a fault strike here and now? Return: 0, or -errno to give. */
int
admin_fault(enum emu_point point, uint32_t nr)
{
	for (unsigned int i = 0; i < EMU_FAULT_MAX; i++) {
		struct emu_fault *fault = &emu.fault[i];
		struct emu_fault hit;

		if (!fault->used || fault->point != point ||
				(fault->nr != UINT32_MAX && fault->nr != nr))
			continue;
		if (fault->nth > 1) {
			fault->nth--;
			continue;
		}
		hit = *fault;
		if (--fault->times == 0) {
			fault->used = false;
			arm();
		}
		emu_note("fault: %s %#x: error %d, delay %u ms", point_names[point], nr, hit.err,
				hit.delay_ms);
		pause_ms(hit.delay_ms);
		if (hit.err != 0)
			return -hit.err;
	}
	return 0;
}

static int
set_word(const char *key, const char *text)
{
	uint64_t value;

	if (parse_u64(text, &value) < 0)
		return emu_deny(EINVAL, "set: %s=%s is no number", key, text);
	if (strcmp(key, "ctrl_vq") == 0)
		emu.conf.kernel.allow_ctrl_vq = value;
	else if (strcmp(key, "api") == 0 && value <= VDUSE_ABI_VERSION_1)
		emu.conf.kernel.api_newest = value;
	else if (strcmp(key, "vduse_features") == 0) {
		emu.conf.kernel.vduse_features = value;
		emu.conf.kernel.feature_ioctls = true;
	} else if (strcmp(key, "regions") == 0)
		emu.conf.regions = value;
	else if (strcmp(key, "shrink") == 0)
		emu.conf.shrink = value;
	else if (strcmp(key, "msg_timeout") == 0)
		emu.conf.msg_timeout = value;
	else if (strcmp(key, "interfaces") == 0)
		emu.conf.interfaces = value;
	else if (strcmp(key, "caps") == 0)
		emu.conf.caps = value;
	else if (strcmp(key, "verbose") == 0)
		emu.conf.verbose = value;
	else
		return emu_deny(EINVAL, "set: unknown %s=%s", key, text);
	return 0;
}

static int
set_words(char *words)
{
	char *save, *word;
	int ret = 0;

	for (word = strtok_r(words, " ,\n", &save); ret == 0 && word != NULL;
			word = strtok_r(NULL, " ,\n", &save)) {
		char *value = strchr(word, '=');

		if (value == NULL)
			return emu_deny(EINVAL, "set: %s is not key=value", word);
		*value++ = '\0';
		ret = set_word(word, value);
	}
	return ret;
}

int
admin_conf(const char *words)
{
	char *copy = strdup(words);
	int ret = copy == NULL ? -ENOMEM : set_words(copy);

	free(copy);
	return ret;
}

static int
fault_word(struct emu_fault *fault, const char *key, const char *text)
{
	uint64_t value = 0;

	if (strcmp(key, "errno") == 0) {
		fault->err = parse_errno(text);
		return fault->err < 0 ? fault->err : 0;
	}
	if (strcmp(key, "ioctl") == 0) {
		fault->point = EMU_AT_IOCTL;
		return parse_ioctl(text, &fault->nr);
	}
	if (parse_u64(text, &value) < 0 || value > UINT32_MAX)
		return -EINVAL;
	if (strcmp(key, "nth") == 0)
		fault->nth = value;
	else if (strcmp(key, "times") == 0 && value > 0)
		fault->times = value;
	else if (strcmp(key, "delay") == 0)
		fault->delay_ms = value;
	else
		return -EINVAL;
	return 0;
}

/* fault POINT [ioctl=NAME] [nth=N] [times=N] [errno=E] [delay=MS] */
static int
add_fault(char *words)
{
	struct emu_fault fault = { .used = true, .nr = UINT32_MAX, .nth = 1, .times = 1 };
	char *save, *word = strtok_r(words, " \n", &save);
	unsigned int point, slot;

	for (point = 0; word != NULL && point < EMU_POINTS; point++)
		if (strcmp(word, point_names[point]) == 0)
			break;
	if (word == NULL || point == EMU_POINTS)
		return emu_deny(EINVAL, "fault: where? ioctl, open, read, write or mmap");
	fault.point = point;
	while ((word = strtok_r(NULL, " \n", &save)) != NULL) {
		char *value = strchr(word, '=');

		if (value != NULL)
			*value++ = '\0';
		if (value == NULL || fault_word(&fault, word, value) < 0)
			return emu_deny(EINVAL, "fault: cannot use %s", word);
	}
	for (slot = 0; slot < EMU_FAULT_MAX && emu.fault[slot].used; slot++)
		;
	if (slot == EMU_FAULT_MAX)
		return emu_deny(ENOSPC, "fault: %u are armed already", EMU_FAULT_MAX);
	emu.fault[slot] = fault;
	arm();
	return 0;
}

/* A message the kernel would send, without a front end behind it. */
static void *
send_one(void *arg)
{
	struct emu_dev *dev = arg;

	pthread_mutex_lock(&emu.lock);
	if (dev->used)
		(void)msg_iotlb(dev, 0, 0, UINT64_MAX);
	pthread_mutex_unlock(&emu.lock);
	return NULL;
}

/* burst NAME N: that many UPDATE_IOTLB requests unanswered at the same time. */
static int
burst(struct emu_dev *dev, uint64_t count)
{
	while (count-- > 0)
		emu_spawn(send_one, dev);
	return 0;
}

static int
lose(struct emu_dev *dev)
{
	dev->lost = true;
	msg_break(dev);
	return 0;
}

static int
unmap(struct emu_dev *dev, uint64_t start, uint64_t last)
{
	kernel_map_remove(&dev->iotlb[0], start, last);
	kernel_map_remove(&dev->k.maps[0], start, last);
	return msg_iotlb(dev, 0, 0, UINT64_MAX);
}

/* Commands of one device: NAME and up to two numbers. */
static int
device_command(const char *verb, char *words)
{
	char *save, *name = strtok_r(words, " \n", &save);
	uint64_t number[2] = { 0, UINT64_MAX };
	struct emu_dev *dev = name == NULL ? NULL : dev_find(name);
	char *word;

	if (dev == NULL)
		return emu_deny(ENODEV, "%s: no device named %s", verb, name ? name : "(none)");
	for (int i = 0; i < 2 && (word = strtok_r(NULL, " \n", &save)) != NULL; i++)
		if (parse_u64(word, &number[i]) < 0)
			return emu_deny(EINVAL, "%s: %s is no number", verb, word);
	if (strcmp(verb, "attach") == 0)
		return bus_attach(name);
	if (strcmp(verb, "detach") == 0)
		return bus_detach(name);
	if (strcmp(verb, "update") == 0)
		return msg_iotlb(dev, 0, number[0], number[1]);
	if (strcmp(verb, "unmap") == 0)
		return unmap(dev, number[0], number[1]);
	if (strcmp(verb, "burst") == 0)
		return burst(dev, number[0]);
	if (strcmp(verb, "break") == 0) {
		msg_break(dev);
		return 0;
	}
	if (strcmp(verb, "lose") == 0)
		return lose(dev);
	return emu_deny(EINVAL, "unknown command %s", verb);
}

static size_t
show_device(const struct emu_dev *dev, char *out, size_t room)
{
	size_t len = 0;
	int n;

	n = snprintf(out, room, "%s: %s%s status %#x features %#llx/%#llx minor %d regions %u\n",
			dev->k.name, dev->connected ? "open" : "closed",
			dev->k.broken ? " broken" : "", dev->k.status,
			(unsigned long long)dev->k.driver_features,
			(unsigned long long)dev->k.features, dev->minor, dev->k.maps[0].count);
	len += n;
	for (uint32_t i = 0; i < dev->k.vq_num && len < room; i++) {
		const struct kernel_vq *vq = &dev->k.vqs[i];

		n = snprintf(out + len, room - len,
				"  vq%u: %s size %u/%u desc %#llx kickfd %s callfd %s\n", i,
				vq->info.ready ? "ready" : "off", vq->info.num, vq->num_max,
				(unsigned long long)vq->info.desc_addr,
				vq->kickfd >= 0 ? "yes" : "no",
				dev->vq[i].call >= 0 ? "yes" : "no");
		len += n;
	}
	return len < room ? len : room;
}

static int
show(char *out, size_t room)
{
	size_t len = 0;

	for (unsigned int i = 0; i < EMU_DEV_MAX && len < room; i++)
		if (emu.dev[i].used)
			len += show_device(&emu.dev[i], out + len, room - len);
	return 0;
}

/* One line from the tool. `out` takes what it prints. Return: as the command. */
int
admin_command(char *line, char *out, size_t room)
{
	char *rest, *verb = strtok_r(line, " \n", &rest);

	out[0] = '\0';
	if (verb == NULL)
		return emu_deny(EINVAL, "empty command");
	if (strcmp(verb, "set") == 0)
		return set_words(rest);
	if (strcmp(verb, "fault") == 0)
		return add_fault(rest);
	if (strcmp(verb, "clear") == 0) {
		memset(emu.fault, 0, sizeof(emu.fault));
		emu.conf.shrink = 0;
		arm();
		return 0;
	}
	if (strcmp(verb, "show") == 0)
		return show(out, room);
	return device_command(verb, rest);
}
