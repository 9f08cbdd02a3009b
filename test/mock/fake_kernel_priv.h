/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_KERNEL_PRIV_H
#define FAKE_KERNEL_PRIV_H

#include <pthread.h>
#include <sys/queue.h>

#include "fake_kernel.h"
#include "rules.h"

/* Attributes of a device that are written, and the longest. */
#define FK_ATTRS_MAX 32
#define FK_ATTR_LEN  320

/* A request without an answer for this long is a test that fails. */
#define FK_TIMEOUT_S 120
/* A wait that only another event ends looks again so often, in milliseconds. */
#define FK_RING_MS 100

struct fk_msg {
	struct kernel_msg k;
	TAILQ_ENTRY(fk_msg) next;
	struct fk_dev *dev; /* NULL: destroyed */
	size_t len;         /* that a read gives */
	bool tried;         /* an answer came, in time or not */
	bool past;          /* a read came since: all that belongs to the answer is done */
};

struct fk_attr {
	char name[FK_ATTR_LEN];
	char value[FK_ATTR_LEN];
};

struct fk_dev {
	struct kernel_dev k;
	bool used;
	uint64_t life; /* no two devices have the same */
	unsigned int irqs[FK_VQS_MAX];
	unsigned int config_irqs;
	bool attached;
	int fd;   /* the process's end; -1: nobody has it open */
	int dup;  /* the same, after it went to another process; -1 */
	int peer; /* our end: a byte in it is a message to read */
	unsigned int umem_regs, umem_deregs;
	unsigned int map_reads[2];          /* by GET_FD, GET_FD2 */
	struct fk_attr attrs[FK_ATTRS_MAX]; /* as written, one behind the other */
	unsigned int nb_attrs;
};

TAILQ_HEAD(fk_msg_list, fk_msg);

/* Everything is guarded by the lock; changed is signalled when a message moves on. */
struct fk_state {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct fk_conf conf;
	struct kernel_conf rules; /* of it */
	unsigned int patience_ms; /* from a failure on; 0: as ever */
	struct fk_dev devs[FK_DEVS_MAX];
	struct fk_msg_list msgs;
};

extern struct fk_state fk;

/* Locked: what belongs to the answers that the device's process gave is done. */
void fk_msgs_past(const struct fk_dev *dev);

/* Locked: the ledger. What is not in it is an error, counted there. */
int fk_ledger_open(int fd); /* returns fd */
bool fk_ledger_close(int fd);

/* Locked: a call on a descriptor that is no device's (any more): an error. Returns -EBADF. */
int fk_ledger_stray(const char *what);

/* Calls of the table that the ledger keeps book of. */
ssize_t fk_page_size(int fd);
int fk_mmap(int fd, uint64_t offset, size_t len, int prot, void **addr);
void fk_munmap(void *addr, size_t len);

/* Locked: what is mapped of the file cannot be touched from here on. */
void fk_ledger_hide(int file);

/* Locked: the device that the rules know. */
static inline struct fk_dev *
fk_dev_of(struct kernel_dev *dev)
{
	return (struct fk_dev *)((char *)dev - offsetof(struct fk_dev, k));
}

/* Locked: memory of the process's in the place of the bounce region, or with NULL no more. */
int fk_umem_set(struct kernel_dev *dev, const struct vduse_abi_umem *umem);

/* Locked: the file is that of a bounce region that is memory of the process's. */
bool fk_umem_hides(int fd);

/* Locked: close and unmap what is left, and forget it and what was to fail. */
void fk_ledger_clear(void);

/* Locked: what the call is to fail with, or 0. */
int fk_fault_hit(unsigned long call);

/* Locked: a failure asked for has happened. */
bool fk_fault_met(void);

/* What the rules leave to us. */
extern const struct kernel_ops fk_ops;

/* Locked: ioctl(2) of an open device. */
int fk_dev_ioctl(struct fk_dev *dev, unsigned long request, void *arg);

/* Locked: let the process see that a message is there. */
void fk_msg_ring(struct fk_dev *dev);

/* Locked: answers FAILED to all and lets nothing work any more. */
void fk_dev_break(struct fk_dev *dev);

#endif /* FAKE_KERNEL_PRIV_H */
