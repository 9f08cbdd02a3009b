/* SPDX-License-Identifier: BSD-3-Clause */
/* vduse-emu: start a broker, run programs on it, give it commands. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu_main.h"
#include "emu_rpc.h"
#include "emu_wire.h"

/* clang-format off */
static const char usage[] =
	"usage: vduse-emu run [KEY=VALUE...] -- PROGRAM [ARGUMENT...]\n"
	"           start a broker, run PROGRAM on it, end the broker with it\n"
	"       vduse-emu broker [KEY=VALUE...]\n"
	"           serve $VDUSE_EMU_DIR until SIGINT or SIGTERM\n"
	"       vduse-emu lib\n"
	"           print the path for LD_PRELOAD\n"
	"       vduse-emu COMMAND [ARGUMENT...]     (to the broker of $VDUSE_EMU_DIR)\n"
	"           attach NAME | detach NAME       as `vdpa dev add` and `vdpa dev del` would\n"
	"           show                            devices and queues\n"
	"           set KEY=VALUE...                ctrl_vq, api, vduse_features, regions, shrink,\n"
	"                                           msg_timeout, interfaces, caps, verbose\n"
	"           fault ioctl|open|read|write|mmap [ioctl=NAME] [nth=N] [times=N] [errno=E]\n"
	"                 [delay=MS]                the Nth such call fails, or waits\n"
	"           clear                           no more faults\n"
	"           update NAME [START LAST]        send UPDATE_IOTLB\n"
	"           unmap NAME [START LAST]         take regions away, then send UPDATE_IOTLB\n"
	"           burst NAME N                    N messages at once\n"
	"           break NAME | lose NAME          as after a timeout | as if the node were gone\n";
/* clang-format on */

/* The library lies beside this program, or in ../lib/dpdk-vduse of it. */
static int
library(char *path, size_t room)
{
	static const char *const places[] = { "libvduse_emu.so",
		"../lib/dpdk-vduse/libvduse_emu.so" };
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return -errno;
	self[len] = '\0';
	dirname(self);
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, room, "%s/%s", self, places[i]) < (int)room &&
				access(path, R_OK) == 0)
			return 0;
	}
	fprintf(stderr, "vduse-emu: libvduse_emu.so is not beside %s\n", self);
	return -ENOENT;
}

static void
join(char *line, size_t room, char **words, int count)
{
	size_t len = 0;

	line[0] = '\0';
	for (int i = 0; i < count && len < room; i++)
		len += snprintf(line + len, room - len, "%s%s", i ? " " : "", words[i]);
}

static int
command(const char *dir, char **words, int count)
{
	struct emu_req req = { .op = EMU_ADMIN, .pid = getpid() };
	struct emu_rsp rsp;
	int sock = emu_connect(dir);
	int len;

	if (sock < 0) {
		fprintf(stderr, "vduse-emu: no broker in %s: %s\n", dir, strerror(-sock));
		return 1;
	}
	join((char *)req.data, sizeof(req.data), words, count);
	req.len = strlen((char *)req.data) + 1;
	len = emu_send(sock, &req, sizeof(req) - sizeof(req.data) + req.len, NULL);
	if (len == 0)
		len = emu_recv(sock, &rsp, sizeof(rsp), NULL);
	close(sock);
	if (len < (int)(sizeof(rsp) - sizeof(rsp.data))) {
		fprintf(stderr, "vduse-emu: the broker gave no answer\n");
		return 1;
	}
	if (rsp.ret < 0) {
		fprintf(stderr, "vduse-emu: %s: %s\n", rsp.why[0] ? rsp.why : words[0],
				strerror(-rsp.ret));
		return 1;
	}
	fwrite(rsp.data, 1, rsp.len, stdout);
	return 0;
}

/* Start a broker and wait until it serves. Return: its pid, or -errno. */
static pid_t
start(const char *dir, const char *conf)
{
	int pipes[2];
	pid_t pid;
	char byte;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(pipes[0]);
		setpgid(0, 0); /* a Ctrl-C is for the program, which ends first */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		_exit(emu_broker(dir, conf, pipes[1]) < 0);
	}
	close(pipes[1]);
	if (pid > 0 && read(pipes[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -EIO;
	}
	close(pipes[0]);
	return pid;
}

/* The folder of VDUSE_EMU_DIR, made if need be; else a private new one. */
static const char *
make_dir(char *room)
{
	const char *dir = getenv("VDUSE_EMU_DIR");

	if (dir != NULL && *dir != '\0')
		return mkdir(dir, 0700) == 0 || errno == EEXIST ? dir : NULL;
	strcpy(room, "/tmp/vduse-emu-XXXXXX");
	return mkdtemp(room);
}

static volatile pid_t program;

/* Whoever ends us means the program; a Ctrl-C reaches it from the terminal. */
static void
pass_on(int sig)
{
	kill(program, sig);
}

static int
run(char **words, int count, int from, char **argv)
{
	char conf[1024], room[32], lib[PATH_MAX];
	const char *dir = make_dir(room);
	pid_t broker;
	int status = 1 << 8;

	if (dir == NULL || library(lib, sizeof(lib)) < 0) {
		fprintf(stderr, "vduse-emu: cannot start: %s\n", strerror(errno));
		return 1;
	}
	join(conf, sizeof(conf), words, count);
	broker = start(dir, conf);
	if (broker < 0)
		return 1;
	setenv("VDUSE_EMU_DIR", dir, 1);
	setenv("VDUSE_EMU_LIB", lib, 1);
	program = fork();
	if (program == 0) {
		setenv("LD_PRELOAD", lib, 1);
		execvp(argv[from], &argv[from]);
		fprintf(stderr, "vduse-emu: %s: %s\n", argv[from], strerror(errno));
		_exit(127);
	}
	signal(SIGINT, SIG_IGN);
	if (program > 0) {
		signal(SIGTERM, pass_on);
		signal(SIGHUP, pass_on);
		waitpid(program, &status, 0);
	}
	kill(broker, SIGTERM);
	waitpid(broker, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int
serve(char **words, int count)
{
	char conf[1024], room[32];
	const char *dir = make_dir(room);

	if (dir == NULL) {
		fprintf(stderr, "vduse-emu: no run folder: %s\n", strerror(errno));
		return 1;
	}
	join(conf, sizeof(conf), words, count);
	printf("VDUSE_EMU_DIR=%s\n", dir);
	fflush(stdout);
	return emu_broker(dir, conf, -1) < 0;
}

static int
run_words(int argc, char **argv)
{
	int from;

	for (from = 2; from < argc && strcmp(argv[from], "--") != 0; from++)
		;
	if (from + 1 >= argc) {
		fputs(usage, stderr);
		return 1;
	}
	return run(argv + 2, from - 2, from + 1, argv);
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("VDUSE_EMU_DIR");
	char lib[PATH_MAX];

	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2;
	}
	if (strcmp(argv[1], "run") == 0)
		return run_words(argc, argv);
	if (strcmp(argv[1], "broker") == 0)
		return serve(argv + 2, argc - 2);
	if (strcmp(argv[1], "lib") == 0)
		return library(lib, sizeof(lib)) < 0 || puts(lib) < 0;
	if (dir == NULL) {
		fprintf(stderr, "vduse-emu: VDUSE_EMU_DIR does not say which broker\n");
		return 1;
	}
	return command(dir, argv + 1, argc - 1);
}
