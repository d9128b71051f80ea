/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/cli/hostile_store.c ROOT STORE: makes a store with two checkpoints of ROOT that no save would
 * make. Checkpoint 1 has names of repositories, as they are and in disguise, at the top and in a
 * directory, beside what is sound; in checkpoint 2 they have other contents. Checkpoint 2 has a tag
 * that is a command for a shell, and a proper one.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "posix/os_default.h"
#include "support/workspace/ws_plant.h"

static void
plant(struct ws_plant *planting, const char *text)
{
    ws_plant_begin(planting);
    struct ws_plant_entry hook = ws_plant_file(planting, "pre-commit", text);
    hook.mode = 0755;
    struct ws_plant_entry hooks = ws_plant_folder(planting, "hooks", &hook, 1);
    const struct ws_plant_entry inner[] = {
        ws_plant_file(planting, ".svn", text),
        ws_plant_file(planting, "good", "good\n"),
    };
    const struct ws_plant_entry outer[] = {
        ws_plant_folder(planting, ".GIT", &hooks, 1),  ws_plant_folder(planting, ".git", &hooks, 1),
        ws_plant_folder(planting, ".git ", &hooks, 1), ws_plant_file(planting, ".hg", text),
        ws_plant_folder(planting, "d", inner, 2),      ws_plant_file(planting, "sound", text),
    };
    firn_hash root = ws_plant_dir(planting, outer, sizeof outer / sizeof *outer);
    ws_plant_end(planting, &root);
}

static int
plant_tag(struct ws_world *world, const char *name)
{
    struct fi_ws_opened opened;
    struct fi_catalog_tags_tag tag = {.order = 2};
    int rc = fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, &world->err);
    if (rc == FIRN_OK) {
        rc = fi_catalog_tags_put(opened.catalog, opened.workspace.number, firn_str(name), &tag,
                                 &world->err);
        int close_rc = fi_ws_opened_close(world->ws, &opened, rc != FIRN_OK, &world->err);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    return rc;
}

int
main(int argc, char **argv)
{
    struct ws_plant planting = {
        .world = {.root_path = argc == 3 ? argv[1] : NULL}, .uid = geteuid(), .gid = getegid()};
    struct ws_world *world = &planting.world;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    if (argc != 3) {
        (void)fputs("usage: hostile_store ROOT STORE\n", stderr);
        return 2;
    }
    options.store_path = argv[2];
    if (fi_ws_open(fi_os_default(), argv[1], &options, &world->ws, &world->err) != FIRN_OK) {
        (void)fprintf(stderr, "hostile_store: %s\n", world->err.text);
        return 1;
    }
    plant(&planting, "evil\n");
    plant(&planting, "worse\n");
    int rc = plant_tag(world, "$(touch planted)");
    rc = rc == FIRN_OK ? plant_tag(world, "proper-1.0") : rc;
    if (rc != FIRN_OK) {
        (void)fprintf(stderr, "hostile_store: %s\n", world->err.text);
    }
    fi_ws_close(world->ws);
    return rc == FIRN_OK ? 0 : 1;
}
