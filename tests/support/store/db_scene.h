/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/db_scene.h: a small store on a machine in memory, for tests that repeat a step with everything in
 * memory, in runs, and merged.
 */
#ifndef FIRN_TEST_DB_SCENE_H
#define FIRN_TEST_DB_SCENE_H

#include "db_support.h"

static const struct fi_db_options small = {.create_if_missing = true, .memory_bytes = 1 << 20};

struct scene {
    struct db_support support;
    struct firn_db *db;
};

static int
set_up(void **state)
{
    static struct scene scene;
    firn_error err;
    db_support_init(&scene.support, 1);
    DB_OK(fi_db_open(scene.support.dir, &small, &scene.db, &err));
    *state = &scene;
    return 0;
}

static int
tear_down(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    DB_OK(fi_db_close(scene->db, &err));
    db_support_deinit(&scene->support);
    return 0;
}

static void
reopen(struct scene *scene)
{
    firn_error err;
    DB_OK(fi_db_close(scene->db, &err));
    DB_OK(fi_db_open(scene->support.dir, &small, &scene->db, &err));
}

#endif
