/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor/doctor.c: firn doctor.
 *
 * Each check prints one row: "ok"; "note" for what is a choice, and could be better; "warning" for
 * what may lose something, or does not work. Only warnings count for the exit code. A check that
 * cannot be made because of an earlier one is left out: without a checkpoint nothing can be
 * compared. What the library tells while it works, such as a file that cannot be read, is counted
 * and its first example named.
 */
#include "doctor/doctor.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor_internal.h"
#include "firn/remote.h"
#include "hook/hook.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum { TEXT_SIZE = 2 * PATH_MAX, EXCLUDED_SIZE = 120, FREE_BYTES_MIN = 1 << 30 };

enum state {
    STATE_OK,
    STATE_NOTE,
    STATE_WARNING,
};

struct doctor {
    struct fi_cli *cli;
    firn_workspace *workspace;
    uint64_t warnings;
    uint64_t remotes;
    bool has_checkpoint;
    char encryption[FI_COMMAND_KEY_TEXT_SIZE]; /* "": in clear */
    /* Of the comparison with the disk: */
    uint64_t left_out; /* by rules */
    uint64_t named;    /* of these */
    uint64_t told;     /* notices of anything else */
    char first[TEXT_SIZE / 2];
    char excluded[EXCLUDED_SIZE]; /* the first ones that rules leave out */
};

/* ---- rows ---- */

static void tell(struct doctor *doctor, enum state state, const char *name, const char *hint,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

static void
tell(struct doctor *doctor, enum state state, const char *name, const char *hint,
     const char *format, ...)
{
    static const char *const states[] = {"ok", "note", "warning"};
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    doctor->warnings += state == STATE_WARNING ? 1 : 0;
    fi_term_json_object(NULL);
    fi_term_json_string("check", name);
    fi_term_json_string("state", states[state]);
    fi_term_json_bytes("text", firn_str(text));
    fi_term_json_string_if("hint", hint, hint != NULL);
    fi_term_json_end();
    if (doctor->cli->quiet && state != STATE_WARNING) {
        return;
    }
    fi_term_out_format("%-7s  %-10s  ", states[state], name);
    fi_term_text_escape(firn_str(text), fi_term_out_write);
    fi_term_out_text("\n");
    if (hint != NULL) {
        fi_term_out_format("%21s%s\n", "", hint);
    }
}

/* ---- the directory and its store ---- */

static int
see_newest(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct doctor *doctor = ctx;
    char time[FI_TERM_TEXT_TIME_SIZE];
    doctor->has_checkpoint = true;
    tell(doctor, STATE_OK, "directory", NULL, "%s, last saved %s as %llu",
         firn_workspace_root(doctor->workspace), fi_term_text_time(checkpoint->created_ns, time),
         (unsigned long long)checkpoint->number);
    return FIRN_OK;
}

static int
check_directory(struct doctor *doctor)
{
    firn_error err;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    const char *broad = firn_workspace_too_broad(doctor->workspace);
    options.limit = 1;
    int code = firn_workspace_list(doctor->workspace, &options, see_newest, doctor, &err);
    if (code != FIRN_OK && code != FIRN_NOT_FOUND) {
        return fi_command_report_failure(doctor->cli, &err, NULL);
    }
    if (!doctor->has_checkpoint) {
        tell(doctor, STATE_NOTE, "directory", "firn save", "%s: nothing is saved yet",
             firn_workspace_root(doctor->workspace));
    }
    if (broad != NULL) {
        tell(doctor, STATE_NOTE, "directory", "cd to a project, and save that",
             "this is %s: a save has all of it", broad);
    }
    return FI_EXIT_OK;
}

static void
check_store(struct doctor *doctor)
{
    const char *path = firn_workspace_store_path(doctor->workspace);
    const char *root = firn_workspace_root(doctor->workspace);
    const size_t root_size = strlen(root);
    const bool is_inside = strncmp(path, root, root_size) == 0 && path[root_size] == '/';
    const bool is_there = access(path, F_OK) == 0;
    struct fi_doctor_disk disk;
    struct fi_doctor_disk own;
    char size[FI_TERM_TEXT_NUMBER_SIZE];
    if (!fi_doctor_disk_look(path, &disk)) {
        tell(doctor, STATE_WARNING, "store", NULL, "%s: its disk cannot be looked at", path);
        return;
    }
    tell(doctor, STATE_OK, "store", NULL, is_there ? "%s, %s free" : "will be %s, %s free", path,
         fi_term_text_size(disk.free_bytes, size));
    if (disk.is_read_only) {
        tell(doctor, STATE_WARNING, "disk", "mount -o remount,rw, or --store for another place",
             "the store's disk is read-only: nothing can be saved");
    } else if (disk.free_bytes < FREE_BYTES_MIN) {
        tell(doctor, STATE_WARNING, "disk", "firn gc --now gives back what deleted checkpoints had",
             "the store's disk is nearly full");
    }
    if (disk.is_in_memory) {
        tell(doctor, STATE_WARNING, "disk", "--store, or FIRN_STORE, names another place",
             "the store is in memory: it is gone when the machine stops");
    } else if (disk.is_remote) {
        tell(doctor, STATE_WARNING, "disk",
             "keep the store on a local disk, and firn push to the other machine",
             "the store is on a network file system, whose locks may not hold");
    } else if (disk.is_layered) {
        tell(doctor, STATE_NOTE, "disk", "--store names a place on a volume",
             "the store is in a container's own files: it goes with the container");
    }
    if (is_inside) {
        tell(doctor, STATE_NOTE, "disk", "firn remote add NAME URL, then firn push, has a copy",
             "the store is in the directory: what deletes that deletes the history");
    } else if (doctor->remotes == 0 && fi_doctor_disk_look(root, &own) &&
               own.device == disk.device) {
        tell(doctor, STATE_NOTE, "disk",
             "firn remote add NAME URL, then firn push, has a copy elsewhere",
             "files and store are on one disk: if it fails, both are lost");
    }
}

/* ---- encryption ---- */

static void
check_encryption(struct doctor *doctor)
{
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    const char *path = firn_workspace_store_path(doctor->workspace);
    if (firn_keys_list(path, NULL, NULL, &info, NULL) != FIRN_OK ||
        (info.cipher == FIRN_CIPHER_NONE && info.state == FIRN_KEYS_STATE_SETTLED)) {
        return;
    }
    if (info.state != FIRN_KEYS_STATE_SETTLED) {
        const bool is_encrypting = info.state == FIRN_KEYS_STATE_ENCRYPTING;
        tell(doctor, STATE_WARNING, "encryption",
             is_encrypting ? "firn key encrypt-store" : "firn key decrypt-store",
             "the store is becoming %s, and that has not ended",
             is_encrypting ? "encrypted" : "clear");
    } else if (info.slots < 2) {
        tell(doctor, STATE_WARNING, "encryption",
             "firn key add --recovery makes a recovery code, to be written down",
             "%s: if that is lost, so is everything", doctor->encryption);
    } else {
        tell(doctor, STATE_OK, "encryption", NULL, "%s", doctor->encryption);
    }
}

/* ---- what differs from the newest checkpoint, and what cannot be saved ---- */

static void
note_excluded(struct doctor *doctor, firn_slice path)
{
    const size_t used = strlen(doctor->excluded);
    const char *comma = used > 0 ? ", " : "";
    doctor->left_out++;
    if (used + strlen(comma) + path.size < sizeof(doctor->excluded)) {
        (void)snprintf(doctor->excluded + used, sizeof(doctor->excluded) - used, "%s%.*s", comma,
                       (int)path.size, (const char *)path.data);
        doctor->named++;
    }
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct doctor *doctor = ctx;
    const int size = (int)(notice->path.size < PATH_MAX / 2 ? notice->path.size : PATH_MAX / 2);
    switch (notice->kind) {
    case FIRN_NOTICE_EXCLUDED:
        if (!notice->is_reserved) {
            note_excluded(doctor, notice->path);
        }
        break;
    case FIRN_NOTICE_SPECIAL: /* nothing that could be saved */
    case FIRN_NOTICE_VANISHED:
    case FIRN_NOTICE_LEFT_ALONE:
        break;
    default:
        if (doctor->told++ == 0) {
            (void)snprintf(doctor->first, sizeof(doctor->first), "%.*s%s%.512s", size,
                           (const char *)notice->path.data, size > 0 ? ": " : "", notice->text);
        }
        break;
    }
}

static void
tell_changes(struct doctor *doctor, const firn_workspace_status_result *result)
{
    const uint64_t changes = result->added + result->changed + result->removed;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (changes == 0) {
        tell(doctor, STATE_OK, "files", NULL, "as they were saved");
    } else {
        tell(doctor, STATE_NOTE, "files", "firn status lists them, firn save saves them",
             "%s %s not saved", fi_term_text_number(changes, number),
             fi_term_text_plural(changes, "change is", "changes are"));
    }
    if (doctor->left_out > 0) {
        tell(doctor, STATE_OK, "left out", "firn status --ignored lists all", "%s by rule: %s%s",
             fi_term_text_number(doctor->left_out, number), doctor->excluded,
             doctor->left_out > doctor->named ? ", ..." : "");
    }
    if (doctor->told > 0) {
        tell(doctor, STATE_WARNING, "files", "firn status names all of them",
             "%s cannot be saved, or not as they are: %s",
             fi_term_text_number(doctor->told, number), doctor->first);
    }
    if (result->git_tracks_store) {
        tell(doctor, STATE_WARNING, "git",
             "git rm -r -q --cached .firn, and remove .firn/.gitignore, which a save makes anew",
             "git tracks files of the store .firn: a push publishes what was saved");
    }
}

static int
check_files(struct doctor *doctor)
{
    firn_error err;
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    const struct fi_task_settings_today today = fi_task_settings_inspect(doctor->workspace, true);
    options.file_size_max = today.file_size_max;
    options.gitignore = today.gitignore;
    options.without_times = true;
    options.callbacks = (firn_callbacks){on_notice, fi_command_on_progress, doctor};
    int code = firn_workspace_status(doctor->workspace, &options, NULL, NULL, &result, &err);
    fi_term_meter_clear();
    if (code != FIRN_OK) {
        return fi_command_report_failure(doctor->cli, &err, NULL);
    }
    tell_changes(doctor, &result);
    firn_release(result.checkpoint);
    return FI_EXIT_OK;
}

/* ---- what saves, and what sends ---- */

static void
check_agent(struct doctor *doctor, const struct fi_hook_status *status, bool *out_any)
{
    char time[FI_TERM_TEXT_TIME_SIZE];
    if (!status->is_in_project && !status->is_in_home) {
        return;
    }
    *out_any = true;
    if (!fi_hook_status_is_in_path()) {
        tell(doctor, STATE_WARNING, "hooks", "put firn, or a link to it, in a directory of PATH",
             "%s does not find firn in its PATH", status->title);
    } else if (status->last_ns == 0) {
        tell(doctor, STATE_NOTE, "hooks", "firn hook status says what may be missing",
             "%s has the hooks, and no turn was saved yet", status->title);
    } else {
        tell(doctor, STATE_OK, "hooks", NULL, "%s, last turn saved %s", status->title,
             fi_term_text_time(status->last_ns, time));
    }
}

static void
check_saving(struct doctor *doctor)
{
    firn_workspace_watch_info watch = FIRN_WORKSPACE_WATCH_INFO_INIT;
    struct fi_hook_status status;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    bool has_any = false;
    for (unsigned i = 0; fi_hook_status_look(doctor->workspace, i, &status); i++) {
        check_agent(doctor, &status, &has_any);
    }
    if (firn_workspace_watch_look(doctor->workspace, &watch, NULL) == FIRN_OK) {
        has_any = true;
        tell(doctor, watch.unwatched == 0 ? STATE_OK : STATE_NOTE, "watch",
             watch.unwatched == 0 ? NULL : "firn watch --help says how the limit is raised",
             watch.unwatched == 0 ? "running, process %llu%s"
                                  : "running, process %llu; %s directories beyond the limit",
             (unsigned long long)watch.process,
             watch.unwatched == 0 ? "" : fi_term_text_number(watch.unwatched, number));
    }
    if (!has_any) {
        tell(doctor, STATE_NOTE, "saving",
             "firn hook install AGENT saves an agent's turns, firn watch whenever work pauses",
             "nothing saves by itself here");
    }
}

static int
check_remote(void *ctx, const firn_remote_info *remote)
{
    struct doctor *doctor = ctx;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (remote->failed_text != NULL) {
        tell(doctor, STATE_WARNING, "remote", "firn push tries again",
             "%s: the last push failed: %.512s", remote->name, remote->failed_text);
    } else if (remote->not_pushed > 0) {
        tell(doctor, STATE_NOTE, "remote", "firn push sends what is new", "%s lacks %s %s",
             remote->name, fi_term_text_number(remote->not_pushed, number),
             fi_term_text_plural(remote->not_pushed, "checkpoint", "checkpoints"));
    } else {
        tell(doctor, STATE_OK, "remote", NULL, "%s has everything", remote->name);
    }
    return FIRN_OK;
}

static int
count_remote(void *ctx, const firn_remote_info *remote)
{
    (void)remote;
    ++*(uint64_t *)ctx;
    return FIRN_OK;
}

/* ---- all ---- */

static int
check_all(struct doctor *doctor)
{
    firn_workspace_pending_restore earlier = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    if (firn_remote_list(doctor->workspace, count_remote, &doctor->remotes, NULL) != FIRN_OK) {
        doctor->remotes = 0;
    }
    (void)fi_command_key_show(firn_workspace_store_path(doctor->workspace), doctor->encryption);
    fi_term_json_array("checks");
    FI_TRY_RETURN(check_directory(doctor));
    check_store(doctor);
    check_encryption(doctor);
    fi_task_pending_inspect(doctor->workspace, &earlier);
    if (earlier.is_pending) {
        tell(doctor, STATE_WARNING, "restore",
             "firn restore --resume finishes it, or take it back with undo or redo",
             "a restore was interrupted");
    } else if (doctor->has_checkpoint && !earlier.is_running) {
        FI_TRY_RETURN(check_files(doctor));
    }
    check_saving(doctor);
    firn_error err;
    if (firn_remote_list(doctor->workspace, check_remote, doctor, &err) != FIRN_OK &&
        doctor->has_checkpoint) {
        tell(doctor, STATE_WARNING, "remote", NULL, "the remotes cannot be listed: %s", err.text);
    }
    fi_term_json_end();
    return FI_EXIT_OK;
}

static int
doctor_run(struct fi_cli *cli)
{
    struct doctor doctor = {.cli = cli};
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    FI_TRY_RETURN(fi_task_workspace_open(cli, &doctor.workspace));
    int exit_code = check_all(&doctor);
    if (exit_code == FI_EXIT_OK) {
        fi_task_foreign_report(cli, firn_workspace_store_path(doctor.workspace));
        fi_task_workspace_report_unread(doctor.workspace);
        fi_term_json_u64("warnings", doctor.warnings);
        exit_code = doctor.warnings > 0 ? FI_EXIT_FAILED : FI_EXIT_OK;
        if (!cli->quiet) {
            fi_term_out_format("%s %s\n",
                               doctor.warnings > 0 ? fi_term_text_number(doctor.warnings, number)
                                                   : "no",
                               fi_term_text_plural(doctor.warnings, "warning", "warnings"));
        }
    }
    firn_workspace_close(doctor.workspace);
    return exit_code;
}

/* ---- the first steps ---- */

static int
see_any(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    *(bool *)ctx = true;
    return FIRN_OK;
}

const char *
fi_doctor_begin(struct fi_cli *cli)
{
    static const char steps[] =
        "Nothing in this directory is saved yet. The first steps:\n"
        "  firn save                 keep all of it as it is now\n"
        "  firn status               show what has changed since\n"
        "  firn undo                 take back the last change; firn redo brings it back\n"
        "  firn hook install AGENT   save each turn of claude, codex, gemini, cursor, ...\n"
        "All commands: firn help. Keys, tables and vectors: firn help db\n";
    firn_workspace *workspace;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    bool has_any = false;
    options.store_path = cli->store_path;
    list.limit = 1;
    if (firn_workspace_open(".", &options, &workspace, NULL) != FIRN_OK) {
        return NULL;
    }
    const int code = firn_workspace_list(workspace, &list, see_any, &has_any, NULL);
    const bool is_new = (code == FIRN_OK || code == FIRN_NOT_FOUND) && !has_any &&
                        firn_workspace_too_broad(workspace) == NULL;
    firn_workspace_close(workspace);
    return is_new ? steps : NULL;
}

static const struct fi_command_option no_options[] = {
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn doctor", "say what is not as it should be, and what to do"},
    {"firn doctor -q", "print warnings alone"},
    {NULL, NULL},
};

const struct fi_command fi_doctor = {
    .name = "doctor",
    .summary = "Say what is not as it should be, and what to do about it",
    .arguments = "",
    .options = no_options,
    .help = "Looks at the directory, where its store is and on which disk, what is not saved,\n"
            "what is left out or cannot be read, what saves by itself (hooks of agents, firn\n"
            "watch), what the remotes lack, and who can open an encrypted store. Changes\n"
            "nothing, and asks no remote. firn check reads what was saved.\n"
            "\n"
            "A note is a choice that you may want to make differently; a warning is something\n"
            "that loses data one day, or does not work. The exit code is 1 if there is any.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = doctor_run,
};
