/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_locked.c: checking an encrypted store without its key, for firn check, firn repair and
 * firn db check, and what they show of it.
 *
 * They name what they could not verify, as text and as JSON: a store that passes is not known to be
 * as sound as one that was checked with a key. A user who gave --no-key knows that. Without
 * --no-key it is a warning, which -q does not silence, and the exit code is not 0: a script that
 * relied on a key learns that there was none.
 */
#include "task/task.h"

#include <assert.h>

#include "term/term.h"

static const char not_verified[] =
    "what is encrypted in files; whether files belong together, and whether one is missing";

static const char not_read[] =
    "the contents of packs, which --data reads; what is encrypted in files; whether files belong "
    "together, and whether one is missing";

static void
print_locked(const firn_store_check_locked_result *result)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("%s %s, ", fi_term_text_number(result->files, number),
                       fi_term_text_plural(result->files, "file", "files"));
    fi_term_out_format("%s %s, ", fi_term_text_number(result->blocks, number),
                       fi_term_text_plural(result->blocks, "block", "blocks"));
    fi_term_out_format("%s read, ", fi_term_text_size(result->bytes_read, bytes));
    fi_term_out_format("%s log %s", fi_term_text_number(result->log_records, number),
                       fi_term_text_plural(result->log_records, "record", "records"));
    if (result->damaged_count == 0) {
        fi_term_out_text(": checksums match\n");
    } else {
        fi_term_out_format(": %s damaged\n", fi_term_text_number(result->damaged_count, number));
    }
}

bool
fi_task_locked_is_wanted(const struct fi_cli *cli, const char *path)
{
    return fi_command_has(cli, "no-key") && fi_command_key_may_be_encrypted(path);
}

bool
fi_task_locked_is_due(const char *path, int code)
{
    return code == FIRN_DENIED && fi_command_key_nobody_answered() &&
           fi_command_key_may_be_encrypted(path);
}

int
fi_task_locked_check(const struct fi_cli *cli, const char *path, bool skips_contents,
                     const firn_callbacks *callbacks, int *out, firn_error *err)
{
    firn_store_check_locked_options options = FIRN_STORE_CHECK_LOCKED_OPTIONS_INIT;
    firn_store_check_locked_result result = FIRN_STORE_CHECK_LOCKED_RESULT_INIT;
    options.skips_contents = skips_contents;
    options.callbacks = *callbacks;
    int code = firn_store_check_locked(path, &options, &result, err);
    fi_term_meter_clear();
    *out = fi_task_locked_show(cli, path, code, &result, skips_contents, err);
    return code;
}

int
fi_task_locked_limit(const struct fi_cli *cli, const char *not_done, const char *what)
{
    if (!fi_command_has(cli, "no-key")) {
        fi_command_report_line("%s, since no key was given: %s", not_done, what);
        return FI_EXIT_PARTIAL;
    }
    if (!cli->quiet) {
        fi_term_out_format("%s without a key: %s\n", not_done, what);
    }
    return FI_EXIT_OK;
}

int
fi_task_locked_show(const struct fi_cli *cli, const char *path, int code,
                    const firn_store_check_locked_result *result, bool skips_contents,
                    firn_error *err)
{
    const char *limits = skips_contents ? not_read : not_verified;
    assert(path != NULL);
    if (code != FIRN_OK && (code != FIRN_CORRUPT || result->damaged_count == 0)) {
        return FI_EXIT_FAILED;
    }
    fi_term_json_bool("without_key", true);
    fi_term_json_string("not_verified", limits);
    fi_term_json_u64("files", result->files);
    fi_term_json_u64("blocks", result->blocks);
    fi_term_json_u64("bytes_read", result->bytes_read);
    fi_term_json_u64("log_records", result->log_records);
    fi_term_json_u64("damaged", result->damaged_count);
    if (!cli->quiet) {
        print_locked(result);
    }
    int exit_code = fi_task_locked_limit(cli, "not verified", limits);
    if (code == FIRN_CORRUPT) { /* each part of it was reported */
        fi_task_notices_refer(path, err);
        return FI_EXIT_CORRUPT;
    }
    return exit_code;
}
