/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/cli/hostile_store.c ROOT STORE: makes a store with two checkpoints of ROOT that no save would
 * make. Checkpoint 1 has names of repositories, as they are and in disguise, at the top and in a
 * directory, beside what is sound; in checkpoint 2 they have other contents.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../unit/workspace/ws_plant.h"

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
    if (firn_ws_open(firn_os_default(), argv[1], &options, &world->ws, &world->err) != FIRN_OK) {
        (void)fprintf(stderr, "hostile_store: %s\n", world->err.text);
        return 1;
    }
    plant(&planting, "evil\n");
    plant(&planting, "worse\n");
    firn_ws_close(world->ws);
    return 0;
}
