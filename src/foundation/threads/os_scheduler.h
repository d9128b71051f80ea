/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_scheduler.h: jobs of a simulation, run one at a time in an order that follows from a seed.
 *
 * Only files of this folder include it. One thread at a time.
 */
#ifndef FIRN_THREADS_OS_SCHEDULER_H
#define FIRN_THREADS_OS_SCHEDULER_H

#include <stddef.h>
#include <stdint.h>

#include "os/os_prng.h"

struct firn_os_scheduler_queue;

struct firn_os_scheduler {
    struct firn_os_prng prng;
    struct firn_os_scheduler_queue *queues; /* of all pools of the simulation */
};

void firn_os_scheduler_init(struct firn_os_scheduler *scheduler, uint64_t seed);
/* CHECKs that no pool is left. */
void firn_os_scheduler_deinit(struct firn_os_scheduler *scheduler);

/* A queue stands for a pool of `threads` threads. NULL when memory is out. */
struct firn_os_scheduler_queue *firn_os_scheduler_add_queue(struct firn_os_scheduler *scheduler,
                                                            unsigned threads)
    __attribute__((warn_unused_result));
/* Runs what is in it, then takes it away. */
void firn_os_scheduler_remove_queue(struct firn_os_scheduler_queue *queue);
/* 0, or ENOMEM. */
int firn_os_scheduler_submit(struct firn_os_scheduler_queue *queue, void (*run)(void *arg),
                             void *arg) __attribute__((warn_unused_result));
/* Runs jobs, of any queue, until all that were submitted to this one before the call have ended. */
void firn_os_scheduler_drain(struct firn_os_scheduler_queue *queue);
/* Runs one job. With none that could run, the caller waits for ever: the process ends with a
 * message. */
void firn_os_scheduler_run_one(struct firn_os_scheduler *scheduler);

#endif
