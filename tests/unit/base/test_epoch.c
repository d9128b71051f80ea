/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/base: epochs: what is retired goes when nobody can see it any more, and not before.
 */
#include <pthread.h>

#include "base/epoch.h"
#include "support/test.h"

struct thing {
    struct fi_epoch_node node;
    uint64_t number;
    unsigned *released;
};

static void
release(struct fi_epoch_node *node)
{
    struct thing *thing = (struct thing *)(void *)node;
    ++*thing->released;
}

static void
a_thing_goes_when_those_who_entered_before_have_left(void **state)
{
    struct fi_epoch epoch;
    unsigned released = 0;
    struct thing things[3] = {
        {.released = &released}, {.released = &released}, {.released = &released}};
    fi_epoch_init(&epoch);
    size_t first = fi_epoch_enter(&epoch);
    fi_epoch_retire(&epoch, &things[0].node, release);
    size_t second = fi_epoch_enter(&epoch);
    fi_epoch_retire(&epoch, &things[1].node, release);
    fi_epoch_reclaim(&epoch);
    assert_int_equal(released, 0);
    fi_epoch_leave(&epoch, first);
    fi_epoch_reclaim(&epoch);
    assert_int_equal(released, 1);
    size_t third = fi_epoch_enter(&epoch);
    fi_epoch_leave(&epoch, second);
    fi_epoch_reclaim(&epoch);
    assert_int_equal(released, 2);
    fi_epoch_retire(&epoch, &things[2].node, release);
    fi_epoch_leave(&epoch, third);
    fi_epoch_deinit(&epoch);
    assert_int_equal(released, 3);
}

static void
more_readers_than_slots_only_delay(void **state)
{
    enum { READERS = FI_EPOCH_SLOTS + 3 };
    struct fi_epoch epoch;
    unsigned released = 0;
    struct thing thing = {.released = &released};
    size_t slots[READERS];
    fi_epoch_init(&epoch);
    for (size_t i = 0; i < READERS; i++) {
        slots[i] = fi_epoch_enter(&epoch);
        assert_int_equal(slots[i] == FI_EPOCH_SLOTS, i >= FI_EPOCH_SLOTS);
    }
    fi_epoch_retire(&epoch, &thing.node, release);
    for (size_t i = 0; i < READERS; i++) {
        fi_epoch_reclaim(&epoch);
        assert_int_equal(released, 0);
        fi_epoch_leave(&epoch, slots[i]);
    }
    fi_epoch_reclaim(&epoch);
    assert_int_equal(released, 1);
    fi_epoch_deinit(&epoch);
}

/* ---- threads ---- */

struct shared {
    struct fi_epoch epoch;
    _Atomic(struct thing *) current;
    _Atomic int is_done;
    _Atomic uint64_t looks;
};

static void
release_memory(struct fi_epoch_node *node)
{
    struct thing *thing = (struct thing *)(void *)node;
    /* A thread that still looks at it sees nonsense, and so do the sanitizers. */
    thing->number = 0;
    free(thing);
}

static struct thing *
make_thing(uint64_t number)
{
    struct thing *thing = calloc(1, sizeof *thing);
    if (thing == NULL) {
        abort();
    }
    thing->number = number;
    return thing;
}

static void *
read_things(void *arg)
{
    struct shared *shared = arg;
    uint64_t last = 0;
    while (atomic_load(&shared->is_done) == 0) {
        size_t slot = fi_epoch_enter(&shared->epoch);
        const struct thing *thing = atomic_load(&shared->current);
        uint64_t number = thing->number;
        if (number < last || number == 0) {
            abort();
        }
        last = number;
        fi_epoch_leave(&shared->epoch, slot);
        atomic_fetch_add(&shared->looks, 1);
    }
    return NULL;
}

static void
readers_never_see_what_was_released(void **state)
{
    enum { READERS = 4, CHANGES = 20000 };
    static struct shared shared;
    pthread_t threads[READERS];
    fi_epoch_init(&shared.epoch);
    atomic_store(&shared.is_done, 0);
    atomic_store(&shared.current, make_thing(1));
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_things, &shared), 0);
    }
    for (uint64_t number = 2; number < CHANGES || atomic_load(&shared.looks) < 1000; number++) {
        struct thing *old = atomic_exchange(&shared.current, make_thing(number));
        fi_epoch_retire(&shared.epoch, &old->node, release_memory);
        fi_epoch_reclaim(&shared.epoch);
    }
    atomic_store(&shared.is_done, 1);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    free(atomic_load(&shared.current));
    fi_epoch_deinit(&shared.epoch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thing_goes_when_those_who_entered_before_have_left),
        cmocka_unit_test(more_readers_than_slots_only_delay),
        cmocka_unit_test(readers_never_see_what_was_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
