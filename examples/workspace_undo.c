/* SPDX-License-Identifier: Apache-2.0
 *
 * examples/workspace_undo.c: save a directory, let something loose on it, see what it did, and take
 * all of it back.
 *
 *     cc workspace_undo.c $(pkg-config --cflags --libs firn) -o workspace_undo
 *     ./workspace_undo DIRECTORY COMMAND
 */
#include <stdio.h>
#include <stdlib.h>

#include <firn/firn.h>

static int
complain(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    return 1;
}

/* Called for each difference. Paths are bytes and not terminated. */
static int
print_change(void *ctx, const firn_workspace_change *change)
{
    static const char *const words[] = {"", "added", "removed", "changed", "metadata of"};
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    (void)ctx;
    (void)printf("%s %.*s\n", words[change->kind], (int)entry->path.size,
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

static int
guard(firn_workspace *workspace, const char *command)
{
    firn_error err;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result saved;
    save.message = firn_str("before the command");
    save.callbacks.on_notice = print_notice;
    if (firn_workspace_save(workspace, &save, &saved, &err) != FIRN_OK) {
        return complain("save", &err);
    }
    (void)printf("saved %llu files as checkpoint %llu\n",
                 (unsigned long long)saved.checkpoint.files,
                 (unsigned long long)saved.checkpoint.number);

    char number[32];
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)saved.checkpoint.number);
    int status = system(
        command); /* NOLINT(cert-env33-c,bugprone-command-processor): that is what it is for */
    (void)printf("the command ended with %d\n", status);

    firn_workspace_status_options compare = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result difference;
    compare.reference = number;
    if (firn_workspace_status(workspace, &compare, print_change, NULL, &difference, &err) !=
        FIRN_OK) {
        return complain("status", &err);
    }

    firn_workspace_restore_result restored;
    if (firn_workspace_restore(workspace, number, NULL, &restored, &err) != FIRN_OK) {
        return complain("restore", &err);
    }
    (void)printf("restored: %llu changed, %llu added, %llu removed\n",
                 (unsigned long long)restored.changed, (unsigned long long)restored.added,
                 (unsigned long long)restored.removed);
    return 0;
}

int
main(int argc, char **argv)
{
    firn_error err;
    firn_workspace *workspace = NULL;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: workspace_undo DIRECTORY COMMAND\n");
        return 2;
    }
    /* NULL: the store is where the firn program looks for it, too. */
    if (firn_workspace_open(argv[1], NULL, &workspace, &err) != FIRN_OK) {
        return complain("open", &err);
    }
    int failed = guard(workspace, argv[2]);
    firn_workspace_close(workspace);
    return failed;
}
