/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_bucket.h: object storage in memory, and machines that use it at the same time.
 *
 * A machine is a function that runs as a coroutine: wherever it calls its bucket, or sleeps, others
 * go on. Which, and what goes wrong, follows from a seed, so a failing run can be repeated. Time is
 * simulated: a request takes milliseconds, a machine may sleep for weeks.
 *
 * What may go wrong with a request: the machine dies before it; it is carried out and its answer is
 * lost; so is that of a put which is carried out up to weeks later; it is late; a get is answered by
 * a cache that has not heard of what was made or removed since. A machine sleeps, and its monotonic
 * clock stands still; one in four is suspended from outside, and no clock of its goes on. Then, and
 * in half of the runs for all, answers say the time. Lists, puts and heads are never stale
 * (bucket/bucket.h, I2).
 */
#ifndef FIRN_SIM_SIM_BUCKET_H
#define FIRN_SIM_SIM_BUCKET_H

#include "bucket/bucket.h"
#include "os/os.h"

struct fi_sim_bucket;
struct fi_sim_machine;

struct fi_sim_bucket_faults { /* each of so many requests, in 10,000 */
    uint32_t dies;
    uint32_t answer_lost;
    uint32_t late;   /* takes minutes */
    uint32_t stale;  /* gets */
    uint32_t sleeps; /* before a request, or after one without an answer, for minutes to weeks */
};

/* Judges: called when an object was made, and before one is removed. */
struct fi_sim_bucket_watcher {
    void (*made)(void *ctx, const char *name, firn_slice bytes);
    void (*removed)(void *ctx, const char *name);
    void *ctx;
};

/* Ends the process if memory runs out, as all of this does. */
struct fi_sim_bucket *fi_sim_bucket_create(uint64_t seed, const struct fi_sim_bucket_faults *faults,
                                           const struct fi_sim_bucket_watcher *watcher);
void fi_sim_bucket_destroy(struct fi_sim_bucket *server);

/* Adds a machine that runs work(ctx, machine). clock_error_ns: how wrong its clock is. */
void fi_sim_bucket_add(struct fi_sim_bucket *server, int64_t clock_error_ns,
                       void (*work)(void *ctx, struct fi_sim_machine *machine), void *ctx);
/* Runs all machines until each has returned. */
void fi_sim_bucket_run(struct fi_sim_bucket *server);
/* The contents, or NULL. For judges: no request. */
const struct fi_buf *fi_sim_bucket_find(const struct fi_sim_bucket *server, const char *name);
uint64_t fi_sim_bucket_request_count(const struct fi_sim_bucket *server);

/* What a machine has. */
struct fi_bucket *fi_sim_machine_bucket(struct fi_sim_machine *machine);
struct fi_os *fi_sim_machine_os(struct fi_sim_machine *machine);
/* It died: each of its requests fails until it is started again. */
bool fi_sim_machine_is_dead(const struct fi_sim_machine *machine);
void fi_sim_machine_restart(struct fi_sim_machine *machine);
uint64_t fi_sim_machine_dice(struct fi_sim_machine *machine, uint64_t limit);

#endif
