/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "conn.h"

#define CHUNK 4096 /* the least a buffer has */

/* Room for descriptors of one message. */
union control_room {
	char room[CMSG_SPACE(sizeof(int) * VARLINK_FDS_MAX)];
	struct cmsghdr align;
};

void
varlink_conn_init(struct varlink_conn *conn, int fd, size_t max)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = fd;
	conn->max = max;
}

static void
buf_clear(struct varlink_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->nb_fds; i++)
		close(buf->fds[i].fd);
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

void
varlink_conn_close(struct varlink_conn *conn)
{
	buf_clear(&conn->in);
	buf_clear(&conn->out);
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

/* Room for len more bytes. */
static int
buf_grow(struct varlink_buf *buf, size_t len)
{
	size_t size = buf->size != 0 ? buf->size : CHUNK;
	char *data;

	while (size - buf->len < len)
		size *= 2;
	if (size == buf->size)
		return 0;
	data = realloc(buf->data, size);
	if (data == NULL)
		return -ENOMEM;
	buf->data = data;
	buf->size = size;
	return 0;
}

/* The first len bytes are done with, and so are those descriptors that went with them. */
static void
buf_drop(struct varlink_buf *buf, size_t len)
{
	unsigned int i, left = 0;

	for (i = 0; i < buf->nb_fds; i++) {
		if (buf->fds[i].end <= len)
			continue;
		buf->fds[left] = buf->fds[i];
		buf->fds[left].begin -= buf->fds[left].begin < len ? buf->fds[left].begin : len;
		buf->fds[left++].end -= len;
	}
	buf->nb_fds = left;
	buf->len -= len;
	if (buf->len != 0) {
		memmove(buf->data, buf->data + len, buf->len);
		return;
	}
	/* a connection at rest costs no memory */
	free(buf->data);
	buf->data = NULL;
	buf->size = 0;
}

static void
close_all(const int *fds, size_t nb)
{
	size_t i;

	for (i = 0; i < nb; i++)
		close(fds[i]);
}

/* What came with the bytes before in.len. Where it is too much all of it is closed. */
static int
take_fds(struct varlink_conn *conn, struct msghdr *hdr)
{
	int fds[VARLINK_FDS_MAX] = { 0 }, ret = 0;
	struct varlink_buf *in = &conn->in;
	struct cmsghdr *cmsg;
	size_t nb, i;

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg != NULL; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		nb = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (nb > VARLINK_FDS_MAX) /* the padding of the room */
			nb = VARLINK_FDS_MAX;
		memcpy(fds, CMSG_DATA(cmsg), nb * sizeof(int));
		if (in->nb_fds + nb > VARLINK_FDS_MAX) {
			close_all(fds, nb);
			ret = -EPROTO;
			continue;
		}
		for (i = 0; i < nb; i++)
			in->fds[in->nb_fds++] = (struct varlink_fd){ .end = in->len, .fd = fds[i] };
	}
	return (hdr->msg_flags & MSG_CTRUNC) != 0 ? -EPROTO : ret;
}

int
varlink_conn_read(struct varlink_conn *conn)
{
	struct varlink_buf *in = &conn->in;
	union control_room control;
	struct msghdr hdr = { .msg_iovlen = 1 };
	struct iovec iov;
	ssize_t n;
	int ret;

	ret = buf_grow(in, in->len < in->size ? 1 : CHUNK);
	if (ret != 0)
		return ret;
	iov.iov_base = in->data + in->len;
	iov.iov_len = in->size - in->len;
	hdr.msg_iov = &iov;
	hdr.msg_control = &control;
	hdr.msg_controllen = sizeof(control);
	do
		n = recvmsg(conn->fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		ret = -errno;
		buf_drop(in, 0);
		return ret;
	}
	in->len += n;
	ret = take_fds(conn, &hdr);
	if (n == 0)
		buf_drop(in, 0);
	return ret != 0 ? ret : (int)n;
}

/* Whether objects and lists are nested deeper than is taken; jansson would follow to 2048. */
static bool
too_deep(const char *text, size_t len)
{
	unsigned int depth = 0;
	bool inside = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] == '"') {
			inside = !inside;
		} else if (inside) {
			i += text[i] == '\\';
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > VARLINK_DEPTH_MAX)
				return true;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static int
parse(struct varlink_message *msg, const char *text, size_t len)
{
	json_error_t error;

	if (too_deep(text, len)) {
		snprintf(msg->error, sizeof(msg->error), "nested deeper than %u objects and lists",
				VARLINK_DEPTH_MAX);
		return -EBADMSG;
	}
	msg->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (msg->json == NULL) {
		snprintf(msg->error, sizeof(msg->error), "no JSON: %.120s", error.text);
		return -EBADMSG;
	}
	if (!json_is_object(msg->json)) {
		snprintf(msg->error, sizeof(msg->error), "JSON, but no object");
		return -EBADMSG;
	}
	return 0;
}

/* Descriptors whose last byte is before the position. */
static void
move_fds(struct varlink_buf *in, size_t end, struct varlink_message *msg)
{
	unsigned int i, left = 0;

	for (i = 0; i < in->nb_fds; i++) {
		if (in->fds[i].end <= end)
			msg->fds[msg->nb_fds++] = in->fds[i].fd;
		else
			in->fds[left++] = in->fds[i];
	}
	in->nb_fds = left;
}

int
varlink_conn_next(struct varlink_conn *conn, struct varlink_message *msg)
{
	struct varlink_buf *in = &conn->in;
	const char *zero = NULL;
	size_t len;
	int ret;

	memset(msg, 0, sizeof(*msg));
	if (in->len > conn->scanned)
		zero = memchr(in->data + conn->scanned, '\0', in->len - conn->scanned);
	len = zero != NULL ? (size_t)(zero - in->data) : in->len;
	conn->scanned = len;
	if (len >= conn->max) {
		snprintf(msg->error, sizeof(msg->error), "longer than %zu bytes", conn->max);
		return -EMSGSIZE;
	}
	if (zero == NULL)
		return 0;
	conn->scanned = 0;
	move_fds(in, len + 1, msg);
	ret = parse(msg, in->data, len);
	buf_drop(in, len + 1);
	if (ret != 0) {
		close_all(msg->fds, msg->nb_fds);
		msg->nb_fds = 0;
		json_decref(msg->json);
		msg->json = NULL;
	}
	return ret != 0 ? ret : 1;
}

bool
varlink_conn_partial(const struct varlink_conn *conn)
{
	return conn->in.len != 0;
}

int
varlink_message_take(struct varlink_message *msg, unsigned int index)
{
	int fd;

	if (index >= msg->nb_fds)
		return -1;
	fd = msg->fds[index];
	msg->fds[index] = -1;
	return fd;
}

void
varlink_message_clear(struct varlink_message *msg)
{
	unsigned int i;

	for (i = 0; i < msg->nb_fds; i++)
		if (msg->fds[i] >= 0)
			close(msg->fds[i]);
	msg->nb_fds = 0;
	json_decref(msg->json);
	msg->json = NULL;
}

static int
append(const char *data, size_t len, void *arg)
{
	struct varlink_buf *out = arg;

	if (buf_grow(out, len) != 0)
		return -1;
	memcpy(out->data + out->len, data, len);
	out->len += len;
	return 0;
}

/* Descriptors that go with the bytes from begin on. */
static int
append_fds(struct varlink_buf *out, size_t begin, const int *fds, unsigned int nb)
{
	unsigned int i;
	int fd;

	if (nb > VARLINK_FDS_MAX || out->nb_fds + nb > 2 * VARLINK_FDS_MAX)
		return -EMSGSIZE;
	for (i = 0; i < nb; i++) {
		fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -errno;
		out->fds[out->nb_fds++] =
				(struct varlink_fd){ .begin = begin, .end = out->len, .fd = fd };
	}
	return 0;
}

int
varlink_conn_send(
		struct varlink_conn *conn, const json_t *json, const int *fds, unsigned int nb_fds)
{
	struct varlink_buf *out = &conn->out;
	const unsigned int first = out->nb_fds;
	const size_t begin = out->len;
	int ret = -ENOMEM;

	if (json_dump_callback(json, append, out, JSON_COMPACT) == 0 && append("", 1, out) == 0)
		ret = append_fds(out, begin, fds, nb_fds);
	if (ret == 0)
		return 0;
	while (out->nb_fds > first)
		close(out->fds[--out->nb_fds].fd);
	out->len = begin;
	buf_drop(out, 0);
	return ret;
}

/* The bytes that may go in one piece, and the descriptors that go along. */
static size_t
piece(const struct varlink_buf *out, int *fds, unsigned int *nb)
{
	unsigned int i;

	*nb = 0;
	if (out->nb_fds == 0)
		return out->len;
	if (out->fds[0].begin != 0)
		return out->fds[0].begin;
	for (i = 0; i < out->nb_fds && out->fds[i].end == out->fds[0].end; i++)
		fds[(*nb)++] = out->fds[i].fd;
	return out->fds[0].end;
}

static ssize_t
send_piece(int sock, void *data, size_t len, const int *fds, unsigned int nb)
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control_room control = { 0 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (nb > 0) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * nb);
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nb);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nb);
	}
	do
		n = sendmsg(sock, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int
varlink_conn_flush(struct varlink_conn *conn)
{
	struct varlink_buf *out = &conn->out;
	int fds[2 * VARLINK_FDS_MAX];
	unsigned int nb, i;
	size_t len;
	ssize_t n;

	while (out->len > 0) {
		len = piece(out, fds, &nb);
		n = send_piece(conn->fd, out->data, len, fds, nb);
		if (n < 0)
			return n;
		/* sent with the first byte; the rest of the message goes alone */
		for (i = 0; i < nb; i++)
			close(fds[i]);
		memmove(out->fds, out->fds + nb, (out->nb_fds - nb) * sizeof(out->fds[0]));
		out->nb_fds -= nb;
		buf_drop(out, n);
	}
	return 0;
}

size_t
varlink_conn_pending(const struct varlink_conn *conn)
{
	return conn->out.len;
}
