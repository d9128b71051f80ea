/* SPDX-License-Identifier: Apache-2.0
 *
 * contend_turns.c: threads that run one at a time, as if each had a processor of its own.
 *
 * Each thread has a simulated time, which its accesses, waits and system calls advance. The thread
 * with the earliest time runs until it has passed the second earliest by a random distance. The
 * distance is random so that threads do not run in step. So the interleaving is as fine as that of
 * real processors, even if the machine has few of them, or uses them for other work.
 *
 * The program and the library are linked with --wrap for the functions of pthreads and of the
 * system that wait (CMakeLists.txt): their calls come to the functions __wrap_* here. A mutex is
 * the real one, which is only ever tried; whether a thread waits, and for what, is a field of the
 * thread. Conditions are that field alone. A mutex or condition is also a cache line that is
 * written. A thread that is woken runs CONTEND_NS_WAKE later. Another thread may take the mutex in
 * between, as with the real ones.
 *
 * A thread keeps its turn during a call of the system. Its time goes on, so the others overtake it
 * afterwards.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "contend.h"

enum { STACK_MAX = 256, NS_IN_S = 1000000000 };

/* The original functions: --wrap gives them these names. */
int __real_pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int __real_pthread_join(pthread_t handle, void **out);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_clock_gettime(clockid_t clock, struct timespec *out);
ssize_t __real_pread(int fd, void *data, size_t size, off_t offset);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
/* The functions that are called in their place. */
int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_join(pthread_t handle, void **out);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *end);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_sched_yield(void);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                           struct timespec *left);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

struct contend_thread {
    unsigned index;
    enum { RUNNABLE, WAITING, ENDED, FREE } state;
    uint64_t time;
    uint64_t turn_end;
    const void *waits_for; /* WAITING; NULL: only for the time */
    uint64_t deadline;     /* likewise; UINT64_MAX: none */
    bool has_timed_out;
    bool counts_now;
    struct contend_counts counts;
    const void *callers[STACK_MAX];
    size_t depth;
    sem_t turn;
    pthread_t handle;
    const char *stack;
    size_t stack_size;
    void *(*run)(void *);
    void *arg;
};

static struct contend_thread threads[CONTEND_THREADS_MAX];
static unsigned thread_count; /* places that were ever used */
static __thread struct contend_thread *self;
static uint64_t random_state = 1;

void
contend_turns_die(const char *what)
{
    (void)fprintf(stderr, "contention: %s\n", what);
    _exit(1);
}

/* ---- whose turn it is ---- */

static uint64_t
random_below(uint64_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % n;
}

static uint64_t
runs_from(const struct contend_thread *thread)
{
    switch (thread->state) {
    case RUNNABLE:
        return thread->time;
    case WAITING:
        return thread->deadline;
    default:
        return UINT64_MAX;
    }
}

/* Gives the turn to the thread with the earliest time, and waits for the next turn of this one,
 * unless this thread has ended. */
static void
pass(void)
{
    struct contend_thread *own = self;
    struct contend_thread *next = NULL;
    uint64_t first = UINT64_MAX;
    uint64_t second = UINT64_MAX;
    for (unsigned i = 0; i < thread_count; i++) {
        uint64_t from = runs_from(&threads[i]);
        if (from < first) {
            second = first;
            first = from;
            next = &threads[i];
        } else if (from < second) {
            second = from;
        }
    }
    if (next == NULL) {
        contend_turns_die("all threads wait for each other");
    }
    if (next->state == WAITING) {
        next->state = RUNNABLE;
        next->has_timed_out = true;
        next->time = first > next->time ? first : next->time;
    }
    next->turn_end = second == UINT64_MAX ? UINT64_MAX : second + random_below(CONTEND_NS_TURN);
    if (next == own) {
        return;
    }
    bool has_ended = own->state == ENDED;
    (void)sem_post(&next->turn);
    while (!has_ended && sem_wait(&own->turn) != 0) {
    }
}

static void
spend(uint64_t ns)
{
    if (self != NULL) {
        self->time += ns;
        if (self->time >= self->turn_end) {
            pass();
        }
    }
}

/* Returns false if the deadline came first. */
static bool
wait_for(const void *what, uint64_t deadline)
{
    self->state = WAITING;
    self->waits_for = what;
    self->deadline = deadline;
    self->has_timed_out = false;
    pass();
    return !self->has_timed_out;
}

static void
wake(struct contend_thread *thread)
{
    uint64_t time = self->time + CONTEND_NS_WAKE;
    thread->state = RUNNABLE;
    thread->time = time > thread->time ? time : thread->time;
    if (self->turn_end > thread->time) {
        self->turn_end = thread->time + random_below(CONTEND_NS_TURN);
    }
}

/* The one that has waited longest. */
static bool
wake_one(const void *what)
{
    struct contend_thread *found = NULL;
    for (unsigned i = 0; i < thread_count; i++) {
        struct contend_thread *thread = &threads[i];
        if (thread->state == WAITING && thread->waits_for == what &&
            (found == NULL || thread->time < found->time)) {
            found = thread;
        }
    }
    if (found != NULL) {
        wake(found);
    }
    return found != NULL;
}

/* ---- threads ---- */

static struct contend_thread *
add_thread(void)
{
    unsigned i = 0;
    while (i < thread_count && threads[i].state != FREE) {
        i++;
    }
    if (i == CONTEND_THREADS_MAX) {
        contend_turns_die("too many threads");
    }
    thread_count = i == thread_count ? i + 1 : thread_count;
    threads[i] = (struct contend_thread){.index = i, .state = RUNNABLE, .turn_end = UINT64_MAX};
    if (sem_init(&threads[i].turn, 0, 0) != 0) {
        contend_turns_die("could not make a semaphore");
    }
    return &threads[i];
}

static void
find_stack(struct contend_thread *thread)
{
    pthread_attr_t attributes;
    void *stack;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        if (pthread_attr_getstack(&attributes, &stack, &thread->stack_size) == 0) {
            thread->stack = stack;
        }
        (void)pthread_attr_destroy(&attributes);
    }
}

/* Before main and before what the compiler puts there. */
__attribute__((constructor(101))) static void
begin(void)
{
    self = add_thread();
    find_stack(self);
}

static void *
thread_main(void *arg)
{
    self = arg;
    find_stack(self);
    while (sem_wait(&self->turn) != 0) {
    }
    void *result = self->run(self->arg);
    self->state = ENDED;
    while (wake_one(self)) {
    }
    pass();
    self = NULL;
    return result;
}

int
__wrap_pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *),
                      void *arg)
{
    struct contend_thread *thread = add_thread();
    thread->time = self->time + CONTEND_NS_WAKE;
    thread->run = run;
    thread->arg = arg;
    int error_number = __real_pthread_create(&thread->handle, attributes, thread_main, thread);
    *out = thread->handle;
    if (error_number != 0) {
        thread->state = FREE;
    } else if (self->turn_end > thread->time) {
        self->turn_end = thread->time;
    }
    return error_number;
}

int
__wrap_pthread_join(pthread_t handle, void **out)
{
    for (unsigned i = 0; i < thread_count; i++) {
        struct contend_thread *thread = &threads[i];
        if (thread->state != FREE && thread != self && pthread_equal(thread->handle, handle)) {
            while (thread->state != ENDED) {
                (void)wait_for(thread, UINT64_MAX);
            }
            thread->state = FREE;
        }
    }
    return __real_pthread_join(handle, out);
}

struct contend_thread *
contend_turns_self(void)
{
    return self;
}

uint64_t
contend_turns_now(void)
{
    return self->time;
}

bool
contend_turns_is_stack(const void *at)
{
    for (unsigned i = 0; i < thread_count; i++) {
        const char *stack = threads[i].stack;
        if (stack != NULL && (const char *)at >= stack &&
            (const char *)at < stack + threads[i].stack_size) {
            return true;
        }
    }
    return false;
}

/* ---- what a thread does ---- */

void
contend_turns_access(const void *at, size_t size, enum contend_kind kind, const void *place)
{
    if (self == NULL || size == 0) {
        return;
    }
    if (self->time >= self->turn_end) {
        pass();
    }
    uint64_t transfers = 0;
    self->time += contend_lines_access(self->index, self->time, at, size, kind, place,
                                       self->counts_now, &transfers);
    if (self->counts_now) {
        self->counts.transfers += transfers;
    }
}

void
contend_turns_count(bool counts)
{
    if (counts) {
        self->counts = (struct contend_counts){0};
    }
    self->counts_now = counts;
}

struct contend_counts
contend_turns_counts(void)
{
    return self->counts;
}

void
contend_turns_enter(const void *caller)
{
    if (self != NULL && self->depth++ < STACK_MAX) {
        self->callers[self->depth - 1] = caller;
    }
}

void
contend_turns_leave(void)
{
    if (self != NULL && self->depth > 0) {
        self->depth--;
    }
}

void
contend_turns_callers(const void *out[CONTEND_FRAMES])
{
    for (size_t i = 0; i < CONTEND_FRAMES; i++) {
        bool is_known = self != NULL && i < self->depth && self->depth <= STACK_MAX;
        out[i] = is_known ? self->callers[self->depth - 1 - i] : NULL;
    }
}

/* ---- mutexes and conditions ---- */

static int
lock(pthread_mutex_t *mutex, const void *place)
{
    bool waits = false;
    contend_turns_access(mutex, sizeof *mutex, CONTEND_LOCKED, place);
    while (pthread_mutex_trylock(mutex) != 0) {
        waits = true;
        (void)wait_for(mutex, UINT64_MAX);
        contend_turns_access(mutex, sizeof *mutex, CONTEND_LOCKED, place);
    }
    if (self->counts_now) {
        self->counts.acquired++;
        self->counts.waits += waits;
    }
    return 0;
}

static int
unlock(pthread_mutex_t *mutex, const void *place)
{
    contend_turns_access(mutex, sizeof *mutex, CONTEND_LOCKED, place);
    int error_number = __real_pthread_mutex_unlock(mutex);
    (void)wake_one(mutex);
    return error_number;
}

int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock(mutex, __builtin_return_address(0));
}

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    return unlock(mutex, __builtin_return_address(0));
}

static int
wait_cond(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline, const void *place)
{
    contend_turns_access(cond, sizeof *cond, CONTEND_LOCKED, place);
    (void)unlock(mutex, place);
    bool was_woken = wait_for(cond, deadline);
    (void)lock(mutex, place);
    return was_woken ? 0 : ETIMEDOUT;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return wait_cond(cond, mutex, UINT64_MAX, __builtin_return_address(0));
}

int
__wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                              const struct timespec *end)
{
    uint64_t deadline = (uint64_t)end->tv_sec * NS_IN_S + (uint64_t)end->tv_nsec;
    return wait_cond(cond, mutex, deadline, __builtin_return_address(0));
}

int
__wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    contend_turns_access(cond, sizeof *cond, CONTEND_LOCKED, __builtin_return_address(0));
    (void)wake_one(cond);
    return 0;
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    contend_turns_access(cond, sizeof *cond, CONTEND_LOCKED, __builtin_return_address(0));
    while (wake_one(cond)) {
    }
    return 0;
}

/* ---- time, and calls of the system ---- */

int
__wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) {
        return __real_clock_gettime(clock, out);
    }
    uint64_t now = self != NULL ? self->time : 0;
    uint64_t since = clock == CLOCK_REALTIME ? UINT64_C(1700000000) : 0;
    *out = (struct timespec){(time_t)(since + now / NS_IN_S), (long)(now % NS_IN_S)};
    return 0;
}

int
__wrap_sched_yield(void)
{
    spend(CONTEND_NS_YIELD);
    return 0;
}

int
__wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                       struct timespec *left)
{
    (void)clock;
    (void)left;
    uint64_t ns = (uint64_t)time->tv_sec * NS_IN_S + (uint64_t)time->tv_nsec;
    (void)wait_for(NULL, flags == TIMER_ABSTIME ? ns : self->time + ns);
    return 0;
}

ssize_t
__wrap_pread(int fd, void *data, size_t size, off_t offset)
{
    spend(CONTEND_NS_CALL);
    return __real_pread(fd, data, size, offset);
}

ssize_t
__wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t put = __real_pwrite(fd, data, size, offset);
    spend(CONTEND_NS_CALL);
    return put;
}

int
__wrap_fsync(int fd)
{
    (void)fd; /* nothing here has to survive */
    spend(CONTEND_NS_SYNC);
    return 0;
}

int
__wrap_fdatasync(int fd)
{
    return __wrap_fsync(fd);
}
