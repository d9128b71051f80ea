/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/threads: jobs, mutexes and conditions, on threads and in simulation. What must hold in both runs
 * in both.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os_ops.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_fault.h"
#include "threads/os_callback.h"
#include "threads/os_scheduler.h"
#include "threads/os_thread.h"

/* A seam that can do nothing but schedule. */
struct simulation {
    struct fi_os os;
    struct fi_os_scheduler scheduler;
};

static struct fi_os *
simulation_init(struct simulation *simulation, uint64_t seed)
{
    fi_os_scheduler_init(&simulation->scheduler, seed);
    simulation->os = (struct fi_os){.scheduler = &simulation->scheduler};
    return &simulation->os;
}

/* Runs check once with threads and once for each of some seeds in simulation. */
static void
with_each_os(void (*check)(struct fi_os *os))
{
    check(fi_os_default());
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct simulation simulation;
        check(simulation_init(&simulation, seed));
        fi_os_scheduler_deinit(&simulation.scheduler);
    }
}

/* Whether the process that runs misuse ends by a failed CHECK. */
static bool
ends_by_check(void (*misuse)(void))
{
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        misuse();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void
count_up(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void
check_jobs_run_once_and_wait_sees_their_end(struct fi_os *os)
{
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct fi_os_jobs *jobs;
        assert_int_equal(fi_os_jobs_create(os, threads, &jobs, NULL), FIRN_OK);
        fi_os_jobs_wait(jobs);
        atomic_uint count = 0;
        for (unsigned i = 1; i <= 100; i++) {
            assert_int_equal(fi_os_jobs_submit(jobs, count_up, &count, NULL), FIRN_OK);
            if (i % 25 == 0) {
                fi_os_jobs_wait(jobs);
                assert_int_equal(atomic_load(&count), i);
            }
        }
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(fi_os_jobs_submit(jobs, count_up, &count, NULL), FIRN_OK);
        }
        fi_os_jobs_destroy(jobs);
        assert_int_equal(atomic_load(&count), 110);
    }
    fi_os_jobs_destroy(NULL);
}

static void
jobs_run_once_and_wait_sees_their_end(void **state)
{
    with_each_os(check_jobs_run_once_and_wait_sees_their_end);
}

struct order {
    unsigned seen[40];
    atomic_uint count;
};

struct numbered {
    struct order *order;
    unsigned number;
};

static void
note_number(void *arg)
{
    const struct numbered *job = arg;
    job->order->seen[atomic_fetch_add(&job->order->count, 1)] = job->number;
}

/* The order in which 40 jobs ran in a pool of that many threads. */
static struct order
order_of_jobs(struct fi_os *os, unsigned threads)
{
    struct order order = {.count = 0};
    struct numbered numbered[40];
    struct fi_os_jobs *jobs;
    assert_int_equal(fi_os_jobs_create(os, threads, &jobs, NULL), FIRN_OK);
    for (unsigned i = 0; i < 40; i++) {
        numbered[i] = (struct numbered){&order, i};
        assert_int_equal(fi_os_jobs_submit(jobs, note_number, &numbered[i], NULL), FIRN_OK);
    }
    fi_os_jobs_wait(jobs);
    fi_os_jobs_destroy(jobs);
    return order;
}

static void
check_one_thread_runs_jobs_in_order(struct fi_os *os)
{
    struct order order = order_of_jobs(os, 1);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(order.seen[i], i);
    }
}

static void
one_thread_runs_jobs_in_order(void **state)
{
    with_each_os(check_one_thread_runs_jobs_in_order);
}

static void
the_seed_decides_the_order_within_what_threads_could_do(void **state)
{
    struct order first[8];
    unsigned different = 0;
    for (unsigned seed = 0; seed < 8; seed++) {
        struct simulation simulation;
        first[seed] = order_of_jobs(simulation_init(&simulation, seed), 4);
        struct order again = order_of_jobs(simulation_init(&simulation, seed), 4);
        assert_memory_equal(first[seed].seen, again.seen, sizeof again.seen);
        different += seed > 0 && memcmp(first[seed].seen, first[0].seen, sizeof again.seen) != 0;
        /* When the i-th job ends, at most the three other threads can hold back older ones. */
        for (unsigned i = 0; i < 40; i++) {
            assert_true(first[seed].seen[i] <= i + 3);
        }
    }
    assert_true(different >= 6);
}

struct chain {
    struct fi_os_jobs *jobs;
    atomic_uint left;
    atomic_uint ran;
};

static void
submit_next(void *arg)
{
    struct chain *chain = arg;
    atomic_fetch_add(&chain->ran, 1);
    if (atomic_load(&chain->left) > 0) {
        atomic_fetch_sub(&chain->left, 1);
        assert_int_equal(fi_os_jobs_submit(chain->jobs, submit_next, chain, NULL), FIRN_OK);
    }
}

static void
check_jobs_may_submit_jobs_and_destroy_runs_them_all(struct fi_os *os)
{
    struct chain chain = {.left = 200, .ran = 0};
    assert_int_equal(fi_os_jobs_create(os, 2, &chain.jobs, NULL), FIRN_OK);
    assert_int_equal(fi_os_jobs_submit(chain.jobs, submit_next, &chain, NULL), FIRN_OK);
    fi_os_jobs_wait(chain.jobs);
    assert_true(atomic_load(&chain.ran) >= 1);
    if (os->scheduler != NULL) {
        assert_int_equal(atomic_load(&chain.ran), 1); /* the wait is not for later ones */
    }
    fi_os_jobs_destroy(chain.jobs);
    assert_int_equal(atomic_load(&chain.ran), 201);
}

static void
jobs_may_submit_jobs_and_destroy_runs_them_all(void **state)
{
    with_each_os(check_jobs_may_submit_jobs_and_destroy_runs_them_all);
}

#ifdef __linux__
/* The priority of the calling thread: the kernel takes the thread for a process. */
static void
note_priority(void *arg)
{
    int *out = arg;
    *out = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

static int
priority_of_jobs(int nice)
{
    struct fi_os_jobs *jobs;
    int priority = -1000;
    assert_int_equal(fi_os_jobs_create(fi_os_default(), 2, &jobs, NULL), FIRN_OK);
    if (nice > 0) {
        fi_os_jobs_step_back(jobs, (enum fi_os_jobs_nice)nice);
    }
    assert_int_equal(fi_os_jobs_submit(jobs, note_priority, &priority, NULL), FIRN_OK);
    fi_os_jobs_destroy(jobs);
    return priority;
}

static void
jobs_that_step_back_have_a_lower_priority_than_others(void **state)
{
    int before;
    int after;
    note_priority(&before);
    assert_int_equal(priority_of_jobs(0), before);
    assert_int_equal(priority_of_jobs(FI_OS_JOBS_BACK), before < 5 ? 5 : before);
    assert_int_equal(priority_of_jobs(FI_OS_JOBS_FAR_BACK), before < 10 ? 10 : before);
    note_priority(&after);
    assert_int_equal(after, before);
}
#endif

/* A channel of one place between jobs and the caller. */
struct channel {
    struct fi_os_mutex mutex;
    struct fi_os_cond changed;
    unsigned value; /* 0: empty */
    unsigned sum;
};

static void
produce_one(void *arg)
{
    struct channel *channel = arg;
    fi_os_mutex_lock(&channel->mutex);
    while (channel->value != 0) {
        fi_os_cond_wait(&channel->changed, &channel->mutex);
    }
    channel->value = 7;
    fi_os_cond_broadcast(&channel->changed);
    fi_os_mutex_unlock(&channel->mutex);
}

static void
consume_one(void *arg)
{
    struct channel *channel = arg;
    fi_os_mutex_lock(&channel->mutex);
    while (channel->value == 0) {
        fi_os_cond_wait(&channel->changed, &channel->mutex);
    }
    channel->sum += channel->value;
    channel->value = 0;
    fi_os_cond_broadcast(&channel->changed);
    fi_os_mutex_unlock(&channel->mutex);
}

static void
channel_init(struct fi_os *os, struct channel *channel)
{
    channel->value = 0;
    channel->sum = 0;
    fi_os_mutex_init(os, &channel->mutex, FI_LOCK_LOG);
    fi_os_cond_init(os, &channel->changed);
}

static void
channel_deinit(struct channel *channel)
{
    fi_os_cond_deinit(&channel->changed);
    fi_os_mutex_deinit(&channel->mutex);
}

static void
check_conditions_carry_values_between_jobs(struct fi_os *os)
{
    struct channel channel;
    channel_init(os, &channel);
    struct fi_os_jobs *jobs;
    assert_int_equal(fi_os_jobs_create(os, 1, &jobs, NULL), FIRN_OK);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(fi_os_jobs_submit(jobs, produce_one, &channel, NULL), FIRN_OK);
    }
    for (unsigned i = 0; i < 50; i++) {
        consume_one(&channel);
    }
    fi_os_jobs_destroy(jobs);
    assert_int_equal(channel.sum, 350);
    channel_deinit(&channel);
}

static void
conditions_carry_values_between_jobs(void **state)
{
    with_each_os(check_conditions_carry_values_between_jobs);
}

static void
conditions_carry_values_in_simulation(void **state)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct simulation simulation;
        struct fi_os *os = simulation_init(&simulation, seed);
        struct channel channel;
        channel_init(os, &channel);
        struct fi_os_jobs *consumers;
        struct fi_os_jobs *producers;
        assert_int_equal(fi_os_jobs_create(os, 1, &consumers, NULL), FIRN_OK);
        assert_int_equal(fi_os_jobs_create(os, 1, &producers, NULL), FIRN_OK);
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(fi_os_jobs_submit(producers, produce_one, &channel, NULL), FIRN_OK);
            consume_one(&channel);
        }
        assert_int_equal(fi_os_jobs_submit(consumers, consume_one, &channel, NULL), FIRN_OK);
        assert_int_equal(fi_os_jobs_submit(producers, produce_one, &channel, NULL), FIRN_OK);
        fi_os_jobs_destroy(consumers);
        fi_os_jobs_destroy(producers);
        assert_int_equal(channel.sum, 77);
        channel_deinit(&channel);
        fi_os_scheduler_deinit(&simulation.scheduler);
    }
}

static void
wait_for_nothing(void)
{
    struct simulation simulation;
    struct channel channel;
    channel_init(simulation_init(&simulation, 1), &channel);
    consume_one(&channel);
}

static void
forget_to_signal(void *arg)
{
    struct channel *channel = arg;
    fi_os_mutex_lock(&channel->mutex);
    channel->value = 7;
    fi_os_mutex_unlock(&channel->mutex);
}

static void
wait_for_a_forgotten_signal(void)
{
    struct simulation simulation;
    struct fi_os *os = simulation_init(&simulation, 1);
    struct channel channel;
    channel_init(os, &channel);
    struct fi_os_jobs *jobs;
    if (fi_os_jobs_create(os, 2, &jobs, NULL) == FIRN_OK &&
        fi_os_jobs_submit(jobs, forget_to_signal, &channel, NULL) == FIRN_OK) {
        consume_one(&channel);
    }
}

static void
wait_for_own_pool(void *arg)
{
    fi_os_jobs_wait(arg);
}

static void
wait_for_oneself(void)
{
    struct simulation simulation;
    struct fi_os_jobs *jobs;
    if (fi_os_jobs_create(simulation_init(&simulation, 1), 4, &jobs, NULL) == FIRN_OK &&
        fi_os_jobs_submit(jobs, wait_for_own_pool, jobs, NULL) == FIRN_OK) {
        fi_os_jobs_wait(jobs);
    }
}

static void
lock_twice_in_simulation(void)
{
    struct simulation simulation;
    struct fi_os_mutex mutex;
    fi_os_mutex_init(simulation_init(&simulation, 1), &mutex, FI_LOCK_LOG);
    fi_os_mutex_lock(&mutex);
    fi_os_mutex_lock(&mutex);
}

static void
a_deadlock_in_simulation_is_reported(void **state)
{
    assert_true(ends_by_check(wait_for_nothing));
    assert_true(ends_by_check(wait_for_a_forgotten_signal));
    assert_true(ends_by_check(wait_for_oneself));
    assert_true(ends_by_check(lock_twice_in_simulation));
}

#ifdef FIRN_DEBUG
static void
lock_against_the_ranks(void)
{
    struct fi_os_mutex low;
    struct fi_os_mutex high;
    fi_os_mutex_init(fi_os_default(), &low, FI_LOCK_DB_STATE);
    fi_os_mutex_init(fi_os_default(), &high, FI_LOCK_LOG);
    fi_os_mutex_lock(&high);
    fi_os_mutex_lock(&low);
}

static void
lock_two_of_one_rank(void)
{
    struct fi_os_mutex mutexes[2];
    for (unsigned i = 0; i < 2; i++) {
        fi_os_mutex_init(fi_os_default(), &mutexes[i], FI_LOCK_DB_STATE);
        fi_os_mutex_lock(&mutexes[i]);
    }
}

static void
unlock_what_is_not_held(void)
{
    struct fi_os_mutex mutex;
    fi_os_mutex_init(fi_os_default(), &mutex, FI_LOCK_LOG);
    fi_os_mutex_unlock(&mutex);
}

static void
keep_the_lock(void *arg)
{
    fi_os_mutex_lock(arg);
}

static void
end_a_job_with_a_mutex_held(void)
{
    struct simulation simulation;
    struct fi_os *os = simulation_init(&simulation, 1);
    struct fi_os_mutex mutex;
    fi_os_mutex_init(os, &mutex, FI_LOCK_LOG);
    struct fi_os_jobs *jobs;
    if (fi_os_jobs_create(os, 1, &jobs, NULL) == FIRN_OK &&
        fi_os_jobs_submit(jobs, keep_the_lock, &mutex, NULL) == FIRN_OK) {
        fi_os_jobs_wait(jobs);
    }
}

static void
a_wrong_order_of_locks_is_reported_in_debug_builds(void **state)
{
    assert_true(ends_by_check(lock_against_the_ranks));
    assert_true(ends_by_check(lock_two_of_one_rank));
    assert_true(ends_by_check(unlock_what_is_not_held));
    assert_true(ends_by_check(end_a_job_with_a_mutex_held));
}

static void
report_a_phase_that_is_not_listed(void)
{
    const firn_callbacks callbacks = FIRN_CALLBACKS_INIT;
    const firn_progress progress = {.phase = "ponder"};
    (void)fi_os_callback_progress(&callbacks, &progress);
}

/* So every test of a debug build that reaches a phase also tests that firn/notice.h lists it. */
static void
a_phase_that_is_not_listed_is_reported_in_debug_builds(void **state)
{
    assert_true(ends_by_check(report_a_phase_that_is_not_listed));
}
#endif

static void
phases_are_listed_once(void **state)
{
    static const char *const phases[] = {FIRN_PROGRESS_PHASES};
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        assert_true(fi_os_callback_is_phase(phases[i]));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(phases[i], phases[j]);
        }
    }
    assert_false(fi_os_callback_is_phase("ponder"));
}

struct locks {
    struct fi_os_mutex low;
    struct fi_os_mutex high;
    struct fi_os_cond cond;
    bool woken;
};

static void
take_both_in_order(void *arg)
{
    struct locks *locks = arg;
    fi_os_mutex_lock(&locks->low);
    fi_os_mutex_lock(&locks->high);
    fi_os_mutex_unlock(&locks->low); /* not in reverse order, which is allowed */
    locks->woken = true;
    fi_os_cond_signal(&locks->cond);
    fi_os_mutex_unlock(&locks->high);
}

/* What the waiter holds (nothing, while it waits) does not count for the job that runs on its
 * stack. */
static void
check_locks_in_order_are_fine_under_a_wait(struct fi_os *os)
{
    struct locks locks = {.woken = false};
    fi_os_mutex_init(os, &locks.low, FI_LOCK_DB_STATE);
    fi_os_mutex_init(os, &locks.high, FI_LOCK_LOG);
    fi_os_cond_init(os, &locks.cond);
    struct fi_os_jobs *jobs;
    assert_int_equal(fi_os_jobs_create(os, 1, &jobs, NULL), FIRN_OK);
    fi_os_mutex_lock(&locks.high);
    assert_int_equal(fi_os_jobs_submit(jobs, take_both_in_order, &locks, NULL), FIRN_OK);
    while (!locks.woken) {
        fi_os_cond_wait(&locks.cond, &locks.high);
    }
    fi_os_mutex_unlock(&locks.high);
    fi_os_jobs_destroy(jobs);
    fi_os_cond_deinit(&locks.cond);
    fi_os_mutex_deinit(&locks.low);
    fi_os_mutex_deinit(&locks.high);
}

static void
locks_in_order_are_fine_under_a_wait(void **state)
{
    with_each_os(check_locks_in_order_are_fine_under_a_wait);
}

static void
check_failed_allocations_leave_nothing_behind(struct fi_os *os)
{
    struct test_fault fault = {.counts = true};
    while (test_fault_next(&fault)) {
        fault.for_ever = fault.n % 2 == 0;
        test_fault_allocation(&fault);
        atomic_uint count = 0;
        unsigned taken = 0;
        firn_error err;
        struct fi_os_jobs *jobs;
        int rc = fi_os_jobs_create(os, 1, &jobs, &err);
        if (rc == FIRN_OK) {
            for (unsigned i = 0; i < 40; i++) {
                rc = fi_os_jobs_submit(jobs, count_up, &count, &err);
                assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
                taken += rc == FIRN_OK;
            }
        } else {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            assert_null(jobs);
        }
        test_fault_end(&fault);
        fi_os_jobs_destroy(jobs);
        assert_int_equal(atomic_load(&count), taken);
        if (!fault.was_hit) {
            assert_int_equal(taken, 40);
            return;
        }
    }
}

static void
failed_allocations_leave_nothing_behind(void **state)
{
    with_each_os(check_failed_allocations_leave_nothing_behind);
}

/* With a stack size that no address space has room for, no thread can be started. */
static void
a_first_thread_that_cannot_start_is_an_error(void **state)
{
    pthread_attr_t normal;
    pthread_attr_t impossible;
    assert_int_equal(pthread_getattr_default_np(&normal), 0);
    assert_int_equal(pthread_attr_init(&impossible), 0);
    assert_int_equal(pthread_attr_setstacksize(&impossible, (size_t)1 << 52), 0);
    struct fi_os_jobs *jobs;
    assert_int_equal(fi_os_jobs_create(fi_os_default(), 2, &jobs, NULL), FIRN_OK);
    atomic_uint count = 0;
    firn_error err;
    assert_int_equal(pthread_setattr_default_np(&impossible), 0);
    int rc = fi_os_jobs_submit(jobs, count_up, &count, &err);
    assert_int_equal(pthread_setattr_default_np(&normal), 0);
    assert_int_equal(rc, FIRN_BUSY);
    assert_non_null(strstr(err.text, "could not submit a job: "));
    assert_int_equal(fi_os_jobs_submit(jobs, count_up, &count, &err), FIRN_OK);
    fi_os_jobs_destroy(jobs);
    assert_int_equal(atomic_load(&count), 1);
    (void)pthread_attr_destroy(&impossible);
    (void)pthread_attr_destroy(&normal);
}

static void
read_signal_mask(void *arg)
{
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, arg), 0);
}

static void
threads_leave_signals_to_the_program(void **state)
{
    sigset_t mask;
    struct fi_os_jobs *jobs;
    assert_int_equal(fi_os_jobs_create(fi_os_default(), 1, &jobs, NULL), FIRN_OK);
    assert_int_equal(fi_os_jobs_submit(jobs, read_signal_mask, &mask, NULL), FIRN_OK);
    fi_os_jobs_destroy(jobs);
    assert_true(sigismember(&mask, SIGINT));
    assert_true(sigismember(&mask, SIGTERM));
    assert_false(sigismember(&mask, SIGSEGV));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGINT));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_once_and_wait_sees_their_end),
        cmocka_unit_test(one_thread_runs_jobs_in_order),
        cmocka_unit_test(the_seed_decides_the_order_within_what_threads_could_do),
        cmocka_unit_test(jobs_may_submit_jobs_and_destroy_runs_them_all),
#ifdef __linux__
        cmocka_unit_test(jobs_that_step_back_have_a_lower_priority_than_others),
#endif
        cmocka_unit_test(conditions_carry_values_between_jobs),
        cmocka_unit_test(conditions_carry_values_in_simulation),
        cmocka_unit_test(a_deadlock_in_simulation_is_reported),
#ifdef FIRN_DEBUG
        cmocka_unit_test(a_wrong_order_of_locks_is_reported_in_debug_builds),
        cmocka_unit_test(a_phase_that_is_not_listed_is_reported_in_debug_builds),
#endif
        cmocka_unit_test(phases_are_listed_once),
        cmocka_unit_test(locks_in_order_are_fine_under_a_wait),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
        cmocka_unit_test(a_first_thread_that_cannot_start_is_an_error),
        cmocka_unit_test(threads_leave_signals_to_the_program),
    };
    return cmocka_run_group_tests_name("os_thread", tests, NULL, NULL);
}
