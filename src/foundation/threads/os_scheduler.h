/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_scheduler.h: jobs of a simulation, run one at a time in an order determined by a seed.
 *
 * Only files of this folder include it. One thread at a time.
 */
#ifndef FIRN_THREADS_OS_SCHEDULER_H
#define FIRN_THREADS_OS_SCHEDULER_H

#include <stddef.h>
#include <stdint.h>

#include "os/os_prng.h"

struct fi_os_scheduler_queue;

struct fi_os_scheduler {
    struct fi_os_prng prng;
    struct fi_os_scheduler_queue *queues; /* of all pools of the simulation */
};

void fi_os_scheduler_init(struct fi_os_scheduler *scheduler, uint64_t seed);
/* CHECKs that no pool is left. */
void fi_os_scheduler_deinit(struct fi_os_scheduler *scheduler);

/* Runs one job. If none can run, the caller would wait for ever: the process ends with a
 * message. */
void fi_os_scheduler_run_one(struct fi_os_scheduler *scheduler);

/* A queue represents a pool of `threads` threads. NULL if memory runs out. */
struct fi_os_scheduler_queue *fi_os_scheduler_add_queue(struct fi_os_scheduler *scheduler,
                                                        unsigned threads);
/* Runs its jobs, then removes it. */
void fi_os_scheduler_remove_queue(struct fi_os_scheduler_queue *queue);
/* 0, or ENOMEM. */
int fi_os_scheduler_submit(struct fi_os_scheduler_queue *queue, void (*run)(void *arg), void *arg);
/* Runs jobs, of any queue, until all that were submitted to this one before the call have ended. */
void fi_os_scheduler_drain(struct fi_os_scheduler_queue *queue);

#endif
