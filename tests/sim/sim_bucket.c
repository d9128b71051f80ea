/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_bucket.c: the events of a simulation are the machines' next steps, by simulated time. A
 * machine that waits has given control back to fi_sim_bucket_run, which lets the one go on whose
 * time comes first. Each has a stack of its own (makecontext(3)).
 */
#include "sim/sim_bucket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "base/mem.h"
#include "os/os_ops.h"
#include "os/os_prng.h"

enum { STACK_SIZE = 256 << 10, MACHINE_MAX = 16, LATE_MAX = 64 };
#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)
/* Since 1970, when a simulation begins. */
#define START_NS (INT64_C(1700000000) * SECOND)
/* What a cache may still answer. */
#define STALE_NS (60 * SECOND)

struct object {
    char *name;
    struct fi_buf bytes;
    int64_t made_ns;
    int64_t removed_ns; /* 0: it is there */
};

struct fi_sim_machine {
    struct fi_bucket bucket; /* first */
    struct fi_os os;
    struct fi_sim_bucket *server;
    ucontext_t context;
    void *stack;
    void (*work)(void *ctx, struct fi_sim_machine *machine);
    void *ctx;
    int64_t wakes_ns;
    int64_t clock_error_ns;
    int64_t suspended_ns; /* in all; its monotonic clock stood still */
    bool is_paused;       /* suspended from outside: all its clocks stand still */
    struct fi_os_prng prng;
    bool is_dead;
    bool has_returned;
};

/* A put that nobody waits for any more. */
struct late_put {
    char *name; /* NULL: none */
    struct fi_buf bytes;
    int64_t arrives_ns;
};

struct fi_sim_bucket {
    struct late_put late[LATE_MAX];
    size_t late_count;
    bool has_clock;         /* answers say what time it is */
    struct object *objects; /* by name; removed ones stay for stale answers */
    size_t count;
    size_t capacity;
    struct fi_sim_machine *machines[MACHINE_MAX];
    size_t machine_count;
    struct fi_sim_machine *running;
    ucontext_t context;
    int64_t now_ns;
    struct fi_os_prng prng;
    struct fi_sim_bucket_faults faults;
    struct fi_sim_bucket_watcher watcher;
    uint64_t request_count;
};

static void *
need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "sim_bucket: no memory\n");
        abort();
    }
    return memory;
}

static bool
happens(struct fi_sim_bucket *server, uint32_t in_10000)
{
    return in_10000 > 0 && fi_os_prng_below(&server->prng, 10000) < in_10000;
}

/* ==== machines ==== */

/* Lets others go on for so long. */
static void
wait_ns(struct fi_sim_machine *machine, int64_t duration_ns)
{
    struct fi_sim_bucket *server = machine->server;
    machine->wakes_ns = server->now_ns + duration_ns;
    if (server->running == machine) {
        swapcontext(&machine->context, &server->context);
    }
}

static struct fi_sim_machine *
machine_of(struct fi_os *os)
{
    return (struct fi_sim_machine *)((uint8_t *)os - offsetof(struct fi_sim_machine, os));
}

static int64_t
now_ns(struct fi_os *os)
{
    struct fi_sim_machine *machine = machine_of(os);
    return START_NS + machine->server->now_ns + machine->clock_error_ns -
           (machine->is_paused ? machine->suspended_ns : 0);
}

static int64_t
monotonic_ns(struct fi_os *os)
{
    return machine_of(os)->server->now_ns - machine_of(os)->suspended_ns;
}

static int64_t
boottime_ns(struct fi_os *os)
{
    struct fi_sim_machine *machine = machine_of(os);
    return machine->server->now_ns - (machine->is_paused ? machine->suspended_ns : 0);
}

static void
sleep_ns(struct fi_os *os, int64_t duration_ns)
{
    wait_ns(machine_of(os), duration_ns);
}

static int
fill_random(struct fi_os *os, void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(fi_os_prng_next(&machine_of(os)->prng) >> 24);
    }
    return 0;
}

static const struct fi_os_ops machine_ops = {
    .refusal = ENOSYS,
    .now_ns = now_ns,
    .monotonic_ns = monotonic_ns,
    .boottime_ns = boottime_ns,
    .sleep_ns = sleep_ns,
    .random = fill_random,
};

static void
start(unsigned low, unsigned high)
{
    struct fi_sim_machine *machine =
        (struct fi_sim_machine *)(uintptr_t)((uint64_t)low | (uint64_t)high << 32);
    machine->work(machine->ctx, machine);
    machine->has_returned = true;
}

struct fi_bucket *
fi_sim_machine_bucket(struct fi_sim_machine *machine)
{
    return &machine->bucket;
}

struct fi_os *
fi_sim_machine_os(struct fi_sim_machine *machine)
{
    return &machine->os;
}

bool
fi_sim_machine_is_dead(const struct fi_sim_machine *machine)
{
    return machine->is_dead;
}

void
fi_sim_machine_restart(struct fi_sim_machine *machine)
{
    machine->is_dead = false;
}

uint64_t
fi_sim_machine_dice(struct fi_sim_machine *machine, uint64_t limit)
{
    return fi_os_prng_below(&machine->prng, limit);
}

/* ==== objects ==== */

/* The place of the name, or the one where it would be. */
static size_t
place_of(const struct fi_sim_bucket *server, const char *name)
{
    size_t low = 0;
    size_t high = server->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(server->objects[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct object *
find_any(const struct fi_sim_bucket *server, const char *name)
{
    size_t place = place_of(server, name);
    return place < server->count && strcmp(server->objects[place].name, name) == 0
               ? &server->objects[place]
               : NULL;
}

static struct object *
find(const struct fi_sim_bucket *server, const char *name)
{
    struct object *object = find_any(server, name);
    return object != NULL && object->removed_ns == 0 ? object : NULL;
}

const struct fi_buf *
fi_sim_bucket_find(const struct fi_sim_bucket *server, const char *name)
{
    const struct object *object = find(server, name);
    return object != NULL ? &object->bytes : NULL;
}

static void
make(struct fi_sim_bucket *server, const char *name, firn_slice bytes)
{
    struct object *object = find_any(server, name);
    if (object == NULL) {
        if (server->count == server->capacity) {
            server->capacity = server->capacity * 2 + 64;
            server->objects =
                need(realloc(server->objects, server->capacity * sizeof *server->objects));
        }
        size_t place = place_of(server, name);
        object = server->objects + place;
        memmove(object + 1, object, (server->count - place) * sizeof *object);
        server->count++;
        *object = (struct object){.name = need(strdup(name))};
    }
    object->made_ns = server->now_ns;
    object->removed_ns = 0;
    if (fi_buf_assign(&object->bytes, bytes) != FIRN_OK) {
        need(NULL);
    }
    if (server->watcher.made != NULL) {
        server->watcher.made(server->watcher.ctx, name, bytes);
    }
}

static void
carry_out(struct fi_sim_bucket *server, struct late_put *put)
{
    if (put->name != NULL && find(server, put->name) == NULL) {
        make(server, put->name, fi_buf_slice(&put->bytes));
    }
    free(put->name);
    fi_buf_deinit(&put->bytes);
    put->name = NULL;
}

/* ==== requests ==== */

enum fate { FATE_ANSWERED, FATE_LOST, FATE_LATE, FATE_DEAD };

/* Minutes, hours, days or weeks. */
static int64_t
long_time(struct fi_sim_bucket *server)
{
    int64_t unit = 60 * SECOND;
    unit *= (const int64_t[]){1, 60, 1440, 10080}[fi_os_prng_below(&server->prng, 4)];
    return unit + (int64_t)fi_os_prng_below(&server->prng, (uint64_t)unit * 2);
}

static void
fall_asleep(struct fi_sim_machine *machine)
{
    int64_t duration_ns = long_time(machine->server);
    wait_ns(machine, duration_ns);
    machine->suspended_ns += duration_ns;
}

/* Before a request is carried out: the way there, and what will become of it. */
static enum fate
begin(struct fi_sim_machine *machine)
{
    struct fi_sim_bucket *server = machine->server;
    server->request_count++;
    bool has_slept = happens(server, server->faults.sleeps);
    if (has_slept) {
        fall_asleep(machine);
    }
    int64_t way_ns = MS + (int64_t)fi_os_prng_below(&server->prng, 100 * (uint64_t)MS);
    if (happens(server, server->faults.late)) {
        way_ns += (int64_t)fi_os_prng_below(&server->prng, 600 * (uint64_t)SECOND);
    }
    wait_ns(machine, way_ns);
    machine->is_dead |= happens(server, server->faults.dies);
    if (machine->is_dead) {
        return FATE_DEAD;
    }
    /* Answers are lost when networks change, and so beside sleeps. */
    uint32_t lost_in_10000 = server->faults.answer_lost;
    return happens(server, has_slept ? 10 * lost_in_10000 : lost_in_10000) ? FATE_LOST
                                                                           : FATE_ANSWERED;
}

/* After it: the way back; a machine may die while it waits. */
static int
end(struct fi_sim_machine *machine, enum fate fate, firn_error *err)
{
    struct fi_sim_bucket *server = machine->server;
    int64_t answered_s = (START_NS + server->now_ns) / SECOND;
    wait_ns(machine, (int64_t)fi_os_prng_below(&server->prng, 50 * (uint64_t)MS));
    machine->is_dead |= happens(server, server->faults.dies);
    if (machine->is_dead || fate == FATE_LOST || fate == FATE_LATE) {
        if (happens(server, (fate == FATE_LATE ? 50 : 20) * server->faults.sleeps)) {
            fall_asleep(machine);
        }
        return fi_error_set(err, FIRN_IO, "no answer");
    }
    machine->bucket.answered_s = machine->is_paused || server->has_clock ? answered_s : 0;
    return FIRN_OK;
}

/* A request that is still under way when nobody waits for its answer. */
static void
put_later(struct fi_sim_bucket *server, const char *name, const struct fi_buf *bytes)
{
    struct late_put *put = &server->late[server->late_count % LATE_MAX];
    if (server->late_count >= LATE_MAX) {
        carry_out(server, put);
    }
    server->late_count++;
    *put = (struct late_put){need(strdup(name)), *bytes, server->now_ns + long_time(server)};
}

static int
put(struct fi_bucket *bucket, const char *name, const struct fi_bucket_body *body, firn_error *err)
{
    struct fi_sim_machine *machine = (struct fi_sim_machine *)bucket;
    struct fi_sim_bucket *server = machine->server;
    struct fi_buf bytes = {0};
    if (fi_buf_set_size(&bytes, (size_t)body->size_bytes) != FIRN_OK) {
        need(NULL);
    }
    int rc = body->read(body->ctx, 0, bytes.data, bytes.size, err);
    enum fate fate = begin(machine);
    if (fate == FATE_LOST && happens(server, 3000)) {
        put_later(server, name, &bytes);
        return end(machine, FATE_LATE, err);
    }
    if (rc == FIRN_OK && fate != FATE_DEAD) {
        if (find(server, name) != NULL) {
            rc = FIRN_EXISTS;
        } else {
            make(server, name, fi_buf_slice(&bytes));
        }
    }
    fi_buf_deinit(&bytes);
    int lost = end(machine, fate, err);
    if (lost != FIRN_OK) {
        return lost;
    }
    return rc == FIRN_OK ? rc : fi_error_set(err, rc, "%s exists", name);
}

static int
get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size, struct fi_buf *out,
    firn_error *err)
{
    struct fi_sim_machine *machine = (struct fi_sim_machine *)bucket;
    struct fi_sim_bucket *server = machine->server;
    enum fate fate = begin(machine);
    int rc = FIRN_OK;
    const struct object *object = fate == FATE_DEAD ? NULL : find_any(server, name);
    bool is_there = object != NULL && object->removed_ns == 0;
    if (object != NULL && happens(server, server->faults.stale)) {
        bool is_new = server->now_ns - object->made_ns < STALE_NS;
        bool was_there = object->removed_ns != 0 && server->now_ns - object->removed_ns < STALE_NS;
        is_there = is_there ? !is_new : was_there;
    }
    if (!is_there) {
        rc = FIRN_NOT_FOUND;
    } else if (offset < object->bytes.size) {
        uint64_t left = object->bytes.size - offset;
        rc = fi_buf_append(out, object->bytes.data + offset, (size_t)(size < left ? size : left));
    }
    int lost = end(machine, fate, err);
    if (lost != FIRN_OK) {
        return lost;
    }
    return rc == FIRN_OK ? rc : fi_error_set(err, rc, "there is no %s", name);
}

static int
head(struct fi_bucket *bucket, const char *name, uint64_t *out_size_bytes, firn_error *err)
{
    struct fi_sim_machine *machine = (struct fi_sim_machine *)bucket;
    enum fate fate = begin(machine);
    const struct object *object = fate == FATE_DEAD ? NULL : find(machine->server, name);
    int rc = object != NULL ? FIRN_OK : FIRN_NOT_FOUND;
    *out_size_bytes = object != NULL ? object->bytes.size : 0;
    int lost = end(machine, fate, err);
    if (lost != FIRN_OK) {
        return lost;
    }
    return rc == FIRN_OK ? rc : fi_error_set(err, rc, "there is no %s", name);
}

struct answer {
    char *name;
    uint64_t size_bytes;
    int64_t age_s;
};

/* The answer is what there is when the request arrives. */
static size_t
copy_names(struct fi_sim_bucket *server, const char *prefix, const char *after,
           struct answer *answers, size_t count_max, bool *out_has_more)
{
    size_t count = 0;
    size_t prefix_size = strlen(prefix);
    size_t place = place_of(server, after != NULL && strcmp(after, prefix) > 0 ? after : prefix);
    *out_has_more = false;
    for (; place < server->count; place++) {
        const struct object *object = &server->objects[place];
        if (strncmp(object->name, prefix, prefix_size) != 0) {
            break;
        }
        if (object->removed_ns != 0 || (after != NULL && strcmp(object->name, after) <= 0)) {
            continue;
        }
        if (count == count_max) {
            *out_has_more = true;
            break;
        }
        answers[count++] = (struct answer){need(strdup(object->name)), object->bytes.size,
                                           (server->now_ns - object->made_ns) / SECOND};
    }
    return count;
}

static int
list(struct fi_bucket *bucket, const char *prefix, const char *after, size_t count_max,
     int (*visit)(void *ctx, const struct fi_bucket_object *object), void *ctx, bool *out_has_more,
     firn_error *err)
{
    struct fi_sim_machine *machine = (struct fi_sim_machine *)bucket;
    enum fate fate = begin(machine);
    struct answer *answers = need(calloc(count_max, sizeof *answers));
    size_t count = fate == FATE_DEAD ? 0
                                     : copy_names(machine->server, prefix, after, answers,
                                                  count_max, out_has_more);
    int rc = end(machine, fate, err);
    for (size_t i = 0; i < count; i++) {
        const struct fi_bucket_object object = {answers[i].name, answers[i].size_bytes,
                                                answers[i].age_s};
        rc = rc == FIRN_OK ? visit(ctx, &object) : rc;
        free(answers[i].name);
    }
    free(answers);
    return rc;
}

static int
remove_object(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    struct fi_sim_machine *machine = (struct fi_sim_machine *)bucket;
    struct fi_sim_bucket *server = machine->server;
    enum fate fate = begin(machine);
    struct object *object = fate == FATE_DEAD ? NULL : find(server, name);
    if (object != NULL) {
        if (server->watcher.removed != NULL) {
            server->watcher.removed(server->watcher.ctx, name);
        }
        object->removed_ns = server->now_ns;
    }
    return end(machine, fate, err);
}

static const struct fi_bucket_ops sim_ops = {
    .put = put, .get = get, .head = head, .list = list, .remove = remove_object};

/* ==== the simulation ==== */

struct fi_sim_bucket *
fi_sim_bucket_create(uint64_t seed, const struct fi_sim_bucket_faults *faults,
                     const struct fi_sim_bucket_watcher *watcher)
{
    struct fi_sim_bucket *server = need(calloc(1, sizeof *server));
    server->prng.state = seed;
    server->faults = *faults;
    server->has_clock = fi_os_prng_below(&server->prng, 2) == 0;
    server->watcher = *watcher;
    server->now_ns = 1;
    return server;
}

void
fi_sim_bucket_destroy(struct fi_sim_bucket *server)
{
    for (size_t i = 0; i < server->count; i++) {
        free(server->objects[i].name);
        fi_buf_deinit(&server->objects[i].bytes);
    }
    free(server->objects);
    for (size_t i = 0; i < LATE_MAX; i++) {
        free(server->late[i].name);
        fi_buf_deinit(&server->late[i].bytes);
    }
    for (size_t i = 0; i < server->machine_count; i++) {
        free(server->machines[i]->stack);
        free(server->machines[i]);
    }
    free(server);
}

void
fi_sim_bucket_add(struct fi_sim_bucket *server, int64_t clock_error_ns,
                  void (*work)(void *ctx, struct fi_sim_machine *machine), void *ctx)
{
    struct fi_sim_machine *machine = need(calloc(1, sizeof *machine));
    fi_bucket_init(&machine->bucket, &sim_ops);
    machine->os.ops = &machine_ops;
    machine->server = server;
    machine->work = work;
    machine->ctx = ctx;
    machine->clock_error_ns = clock_error_ns;
    machine->is_paused = fi_os_prng_below(&server->prng, 4) == 0;
    machine->prng.state = fi_os_prng_next(&server->prng);
    machine->stack = need(malloc(STACK_SIZE));
    getcontext(&machine->context);
    machine->context.uc_stack.ss_sp = machine->stack;
    machine->context.uc_stack.ss_size = STACK_SIZE;
    machine->context.uc_link = &server->context;
    uint64_t address = (uint64_t)(uintptr_t)machine;
    makecontext(&machine->context, (void (*)(void))(uintptr_t)start, 2, (unsigned)address,
                (unsigned)(address >> 32));
    server->machines[server->machine_count++] = machine;
}

void
fi_sim_bucket_run(struct fi_sim_bucket *server)
{
    for (;;) {
        struct fi_sim_machine *next = NULL;
        for (size_t i = 0; i < server->machine_count; i++) {
            struct fi_sim_machine *machine = server->machines[i];
            if (!machine->has_returned && (next == NULL || machine->wakes_ns < next->wakes_ns)) {
                next = machine;
            }
        }
        if (next == NULL) {
            return;
        }
        server->now_ns = next->wakes_ns > server->now_ns ? next->wakes_ns : server->now_ns;
        for (size_t i = 0; i < LATE_MAX; i++) {
            if (server->late[i].name != NULL && server->late[i].arrives_ns <= server->now_ns) {
                carry_out(server, &server->late[i]);
            }
        }
        server->running = next;
        swapcontext(&server->context, &next->context);
        server->running = NULL;
    }
}

uint64_t
fi_sim_bucket_request_count(const struct fi_sim_bucket *server)
{
    return server->request_count;
}
