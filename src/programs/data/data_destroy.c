/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_destroy.c: firn db destroy: a store is removed, for good.
 *
 * The library removes the store's own files, by their names. Files that remain in the directory do
 * not belong to the store: they are listed.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

/* ---- what is left ---- */

/* "" or "<folder>/", and the name. */
static void
print_left(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL) {
        (void)snprintf(path, size, "%s%s", folder, name);
        fi_term_json_string(NULL, path);
        free(path);
    }
    fi_term_out_text("left: ");
    fi_term_text_escape(firn_str(folder), fi_term_out_write);
    fi_term_text_escape(firn_str(name), fi_term_out_write);
    fi_term_out_text("\n");
}

static void
list_left(const char *path, const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        bool is_walked = folder[0] == '\0' && strcmp(name, "runs") == 0; /* comes below */
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !is_walked) {
            print_left(folder, name);
        }
        free(names[i]);
    }
    free(names);
}

/* The directory's own files, and those in "runs", which stays for their sake. */
static void
show_left(const char *path)
{
    size_t size = strlen(path) + sizeof "/runs";
    char *runs = malloc(size);
    fi_term_json_array("left");
    list_left(path, "");
    if (runs != NULL) {
        (void)snprintf(runs, size, "%s/runs", path);
        list_left(runs, "runs/");
        free(runs);
    }
    fi_term_json_end();
}

/* ---- destroying ---- */

/* The answer of a person at a terminal. */
static bool
is_confirmed(const char *path)
{
    fi_command_report_line("%s: all of its keyspaces and checkpoints will be deleted", path);
    return fi_command_report_prompt("destroy it?");
}

static int
data_destroy(struct fi_cli *cli, const char *path)
{
    firn_error err;
    int code = firn_store_destroy(path, &err);
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    show_left(path);
    return FI_EXIT_OK;
}

static int
run_destroy(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    const char *path = cli->arguments[0];
    bool is_said = fi_command_has(cli, "yes");
    if (!is_said && !fi_command_report_may_prompt(cli)) {
        return fi_command_misused(cli, "this removes all that is in %s: confirm with --yes", path);
    }
    if (is_said || is_confirmed(path)) {
        return data_destroy(cli, path);
    }
    fi_command_report_line("nothing was removed");
    return FI_EXIT_FAILED;
}

const struct fi_command fi_data_destroy = {
    .name = "destroy",
    .summary = "Delete a store and everything in it, for good",
    .arguments = "STORE",
    .options =
        (const struct fi_command_option[]){
            {"yes", 'y', NULL, "do not ask"},
            {NULL, 0, NULL, NULL},
        },
    .help = "This cannot be undone: firn asks on a terminal, and needs --yes elsewhere. Files\n"
            "in STORE that do not belong to a store stay, and are named; if there are none,\n"
            "the directory is deleted too. The command fails if the store is open, even for\n"
            "reading, or if it has checkpoints of directories, which firn workspaces remove\n"
            "deletes.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db destroy app.firn", "delete the store after asking"},
            {"firn db destroy app.firn --yes", "delete the store without asking"},
            {NULL, NULL},
        },
    .run = run_destroy,
};
