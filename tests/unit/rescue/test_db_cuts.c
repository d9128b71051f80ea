/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rescue: stores of which one file was cut short, changed in one byte, or taken away, each file
 * at each place. Whatever opens, for reading or for writing, shows a true prefix of the commits, or
 * says that something is damaged; and an opening that says so removes nothing.
 *
 * The oracle is as strict as docs/formats/store.md ("What a damaged store shows") allows: all of the
 * commits, but where the log of a store that was not closed lost its end; then at least what was
 * durable when MANIFEST was changed for the last time.
 *
 * The normal run takes a share of the places. FIRN_TEST_LONG=1 takes a quarter of all cuts, and of
 * all eight bits of each byte; which one depends on the hour.
 */
#include <string.h>

#include "base/mem.h"
#include "support/store/db_cuts.h"

/* Opens the copy in one way; -1 where something is said to be damaged. */
static int
open_once(struct db_cuts_scene *scene, const struct fi_db_options *options)
{
    firn_error err;
    struct firn_db *db;
    char *shown = NULL;
    size_t runs = db_cuts_count_runs(scene->copy);
    int rc = fi_db_open(scene->copy, options, &db, &err);
    scene->count++;
    if (rc != FIRN_OK) {
        assert_true(db_cuts_is_finding(rc));
        assert_int_equal(db_cuts_count_runs(scene->copy), runs);
        scene->refused++;
        return -1;
    }
    rc = db_cuts_show(db, &shown, &err);
    fi_db_abandon(db);
    if (rc != FIRN_OK) {
        assert_true(db_cuts_is_finding(rc));
        scene->refused++;
        return -1;
    }
    int state = db_cuts_find_state(scene, shown);
    if (state < 0) {
        print_message("what is shown never was:\n%s", shown);
        fail();
    }
    fi_free(shown);
    return state;
}

static void
judge(struct db_cuts_scene *scene, const struct db_cuts_damage *damage)
{
    int least = (int)db_cuts_least(scene, damage->path);
    int reading = open_once(scene, &db_support_read_only);
    int writing = open_once(scene, &db_support_existing);
    int again = open_once(scene, &db_support_read_only);
    if ((reading >= 0 && reading < least) || writing != reading || again != writing) {
        print_message("%s at %zu, bit %d: %d, %d and %d of %u events, at least %d\n", damage->path,
                      damage->at, damage->bit, reading, writing, again, scene->events, least);
        fail();
    }
}

static void
a_damaged_file_shows_a_prefix_or_is_refused(void **state)
{
    for (size_t i = 0; i < db_cuts_kind_count; i++) {
        db_cuts_run(&db_cuts_kinds[i], 1, judge);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_file_shows_a_prefix_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
