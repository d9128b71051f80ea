/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/workspace_undo.c: save a directory, run a command in it, see what it did, take all of it back, and undo that.
 *
 *     cc workspace_undo.c $(pkg-config --cflags --libs firn) -o workspace_undo
 *     ./workspace_undo DIRECTORY COMMAND
 */
#include <stdio.h>
#include <stdlib.h>

#include <firn/firn.h>

/* Called for each difference. Paths are bytes and not terminated. */
static int
print_change(void *ctx, const firn_workspace_change *change)
{
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    (void)ctx;
    (void)printf("%s %.*s\n", firn_workspace_change_kind_name(change->kind), (int)entry->path.size,
                 (const char *)entry->path.data);
    return FIRN_OK; /* anything else would end the comparison */
}

/* Called for what was left out, or could not be read. */
static void
print_notice(void *ctx, const firn_notice *notice)
{
    (void)ctx;
    (void)fprintf(stderr, "note: %.*s: %s\n", (int)notice->path.size,
                  (const char *)notice->path.data, notice->text);
}

static void
print_restored(const char *what, const firn_workspace_restore_result *restored)
{
    (void)printf("%s: %llu changed, %llu added, %llu removed\n", what,
                 (unsigned long long)restored->changed, (unsigned long long)restored->added,
                 (unsigned long long)restored->removed);
}

/* The caller releases saved->checkpoint, also after a failure. */
static int
guard(firn_workspace *workspace, const char *command, firn_workspace_save_result *saved,
      firn_error *err)
{
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_status_options compare = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_restore_result restored = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    save.message = firn_str("before the command");
    save.callbacks.on_notice = print_notice;
    if (firn_workspace_save(workspace, &save, saved, err) != FIRN_OK) {
        return 1;
    }
    (void)printf("saved %llu files as checkpoint %llu\n",
                 (unsigned long long)saved->checkpoint->files,
                 (unsigned long long)saved->checkpoint->number);
    int status = system(
        command); /* NOLINT(cert-env33-c,bugprone-command-processor): that is what it is for */
    (void)printf("the command ended with %d\n", status);

    compare.reference = saved->checkpoint->id;
    if (firn_workspace_status(workspace, &compare, print_change, NULL, NULL, err) != FIRN_OK ||
        firn_workspace_restore(workspace, saved->checkpoint->id, NULL, &restored, err) != FIRN_OK) {
        return 1;
    }
    print_restored("restored", &restored);
    firn_release(restored.checkpoint);

    /* What the command made is not lost: the restore has saved it. */
    if (firn_workspace_undo(workspace, NULL, &restored, err) != FIRN_OK) {
        return 1;
    }
    print_restored("undone", &restored);
    firn_release(restored.checkpoint);
    return 0;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_workspace *workspace = NULL;
    firn_workspace_save_result saved = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: workspace_undo DIRECTORY COMMAND\n");
        return 2;
    }
    /* NULL: the store is where the firn program looks for it, too. */
    int failed = firn_workspace_open(argv[1], NULL, &workspace, &err) != FIRN_OK ||
                 guard(workspace, argv[2], &saved, &err);
    if (failed) {
        (void)fprintf(stderr, "%s (%s)\n", err.text, firn_code_name(err.code));
    }
    firn_release(saved.checkpoint);
    firn_workspace_close(workspace);
    return failed;
}
