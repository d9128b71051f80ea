/* SPDX-License-Identifier: Apache-2.0
 *
 * peer_fjall.h: the functions of kv.h as peers/fjall/lib.rs exports them. They take its structs by
 * value, so both sides change together.
 */
#ifndef BENCH_KV_PEER_FJALL_H
#define BENCH_KV_PEER_FJALL_H

#include "kv.h"

/* Told of the first failure, with fjall's message; must not return. Comes before open. */
void bench_fjall_on_failure(void (*told)(const char *message));

const char *bench_fjall_version(void);
struct kv_store *bench_fjall_open(const char *directory, uint64_t memory_bytes, bool synced);
void bench_fjall_close(struct kv_store *store);
struct kv_worker *bench_fjall_worker_create(struct kv_store *store);
void bench_fjall_worker_destroy(struct kv_worker *worker);

void bench_fjall_put(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes value);
void bench_fjall_put_batch(struct kv_worker *worker, const struct kv_pair *pairs, size_t count);
void bench_fjall_remove(struct kv_worker *worker, struct kv_bytes key);
bool bench_fjall_get(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value);

bool bench_fjall_cursor_seek(struct kv_worker *worker, struct kv_bytes key, struct kv_pair *out);
bool bench_fjall_cursor_next(struct kv_worker *worker, struct kv_pair *out);
void bench_fjall_cursor_end(struct kv_worker *worker);

void bench_fjall_sync(struct kv_store *store);
void bench_fjall_flush(struct kv_store *store);

#endif
