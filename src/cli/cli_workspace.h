/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_workspace.h: what the commands about workspaces share.
 */
#ifndef FIRN_CLI_CLI_WORKSPACE_H
#define FIRN_CLI_CLI_WORKSPACE_H

#include "cli/command.h"

/* Opens the workspace that the command line names: --workspace, else the current directory.
 * Returns an exit code; unless it is FIRN_EXIT_OK the failure has been reported. */
int firn_cli_workspace_open(struct firn_cli *cli, firn_workspace **out);
/* The same for what runs by itself and asks nobody. *out_is_untrusted: a store was found in the tree
 * that is not trusted (firn trust), and nothing is to be done; it was reported. */
int firn_cli_workspace_open_unasked(struct firn_cli *cli, firn_workspace **out,
                                    bool *out_is_untrusted);
extern const char firn_cli_workspace_untrusted_hint[];
extern const char firn_cli_workspace_missing_hint[];
/* The same, for a command that is about the directory itself, whatever lies around it. */
int firn_cli_workspace_open_root(struct firn_cli *cli, const char *store_path,
                                 firn_workspace **out);
/* What to do where a directory that is to go on with a history has one of its own; otherwise `hint`. */
const char *firn_cli_workspace_adopt_hint(int code, const char *hint);
/* Goes on with the history of a directory that was moved. */
int firn_cli_workspace_adopt(struct firn_cli *cli, firn_workspace *workspace, const char *hint);

/* Why the first save of this workspace is to be asked about (firn_workspace_too_broad); NULL where it
 * is not, or is not the first. */
const char *firn_cli_workspace_unwanted(firn_workspace *workspace);
/* Says, where it is so, which store could not be read that may hold this directory's history. */
void firn_cli_workspace_tell_unread(const firn_workspace *workspace);

/* Paths below the workspace's root, as the library wants them. */
struct firn_cli_workspace_paths {
    firn_slice *slices; /* NULL for all of the workspace */
    size_t count;
};

/* Turns the positional arguments from `first` on into paths below the root. Each may be relative
 * to the current directory or absolute. Without any the list is
 * empty, which means all of the workspace. A path that leaves the workspace is a usage error.
 * Returns an exit code. */
int firn_cli_workspace_paths_init(struct firn_cli *cli, const firn_workspace *workspace, int first,
                                  struct firn_cli_workspace_paths *out);
void firn_cli_workspace_paths_deinit(struct firn_cli_workspace_paths *paths);

/* Characters of a message in a row of a list. */
enum { FIRN_CLI_WORKSPACE_MESSAGE_MAX = 72 };

/* "12" or, for a safety checkpoint, the first letters of its id. Returns
 * out[FIRN_CLI_WORKSPACE_NAME_SIZE]. */
enum { FIRN_CLI_WORKSPACE_NAME_SIZE = 24 };
const char *firn_cli_workspace_name(const firn_workspace_checkpoint *checkpoint, char *out);

/* "12  kxsrpsvp", or, for a safety checkpoint, the first letters of its id alone. Returns
 * out[FIRN_CLI_WORKSPACE_NAMES_SIZE]. */
enum { FIRN_CLI_WORKSPACE_NAMES_SIZE = 40 };
const char *firn_cli_workspace_names(const firn_workspace_checkpoint *checkpoint, char *out);

/* The object of a checkpoint or an entry. key is NULL inside an array. */
void firn_cli_workspace_checkpoint_json(const char *key,
                                        const firn_workspace_checkpoint *checkpoint);
void firn_cli_workspace_entry_json(const char *key, const firn_workspace_entry *entry);

/* The member "safety": the id of the safety checkpoint that was taken, null where it is "". */
void firn_cli_workspace_safety_json(const char *id);

/* For a command whose first word is a checkpoint and all others paths: a usage error without one.
 * Returns an exit code. */
int firn_cli_workspace_check_reference(struct firn_cli *cli);
/* How to choose a checkpoint. */
extern const char firn_cli_workspace_choose_hint[];
/* What to do next after a command failed: if it was because `reference` names no checkpoint,
 * where to look for one; else NULL, and the code speaks for itself. */
const char *firn_cli_workspace_hint(firn_workspace *workspace, const char *reference, int code);
/* The same for a command whose first word may be meant as a path. */
const char *firn_cli_workspace_hint_or_path(firn_workspace *workspace, const char *reference,
                                            int code);
/* `hint`, or, where there is none and the failure is that a path was not found, where to look for
 * it. */
const char *firn_cli_workspace_hint_paths(const char *hint, size_t path_count, int code);

#endif
