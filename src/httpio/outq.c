#include "httpio/outq.h"

#include "io/stream.h"

static void
reserve(struct outq *q, size_t more)
{
	size_t cap = q->cap > 0 ? q->cap : 4096;

	if (q->off > 0 && q->off + q->len + more > q->cap) {
		memmove(q->p, q->p + q->off, q->len);
		q->off = 0;
	}
	while (cap < q->len + more)
		cap *= 2;
	if (cap != q->cap)
		q->p = mem_grow(q->p, cap);
	q->cap = cap;
}

void
outq_add(struct outq *q, struct slice s)
{
	if (s.len == 0)
		return;
	reserve(q, s.len);
	memcpy(q->p + q->off + q->len, s.p, s.len);
	q->len += s.len;
}

void
outq_owe(struct outq *q, size_t *sum)
{
	if (q->len == 0)
		return;
	q->sum = sum;
	*sum += q->cap;
}

void
outq_fini(struct outq *q)
{
	if (q->sum != NULL)
		*q->sum -= q->cap;
	mem_free(q->p);
	*q = (struct outq){ 0 };
}

static void
keep_rest(struct outq *q, const struct iovec *iov, int n, size_t taken)
{
	int i;

	for (i = 0; i < n; i++) {
		if (taken >= iov[i].iov_len) {
			taken -= iov[i].iov_len;
			continue;
		}
		outq_add(
		    q, (struct slice){ (const char *)iov[i].iov_base + taken,
			   iov[i].iov_len - taken });
		taken = 0;
	}
}

bool
outq_writev(struct outq *q, struct stream *s, const struct iovec *iov, int n)
{
	ssize_t put = 0;

	if (q->len == 0)
		put = stream_writev(s, iov, n);
	if (put == STREAM_ERROR)
		return false;
	keep_rest(q, iov, n, put > 0 ? (size_t)put : 0);
	return true;
}

ssize_t
outq_flush(struct outq *q, struct stream *s)
{
	struct iovec iov;
	ssize_t put, total = 0;

	while (q->len > 0) {
		iov = (struct iovec){ q->p + q->off, q->len };
		put = stream_writev(s, &iov, 1);
		if (put == STREAM_ERROR)
			return STREAM_ERROR;
		if (put <= 0)
			return total;
		q->off += (size_t)put;
		q->len -= (size_t)put;
		total += put;
	}
	outq_fini(q);
	return total;
}
