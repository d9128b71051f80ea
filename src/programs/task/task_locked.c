/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_locked.c: what firn check and firn db check show of an encrypted store that they
 * checked without its key.
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

int
fi_task_locked_show(const struct fi_cli *cli, const char *path, int code,
                    const firn_store_check_locked_result *result, bool skips_contents,
                    firn_error *err)
{
    const char *limits = skips_contents ? not_read : not_verified;
    const bool is_wanted = fi_command_has(cli, "no-key");
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
    if (!is_wanted) {
        fi_command_report_line("not verified, since no key was given: %s", limits);
    } else if (!cli->quiet) {
        fi_term_out_format("not verified without a key: %s\n", limits);
    }
    if (code == FIRN_CORRUPT) { /* each part of it was reported */
        fi_task_notices_refer(path, err);
        return FI_EXIT_CORRUPT;
    }
    return is_wanted ? FI_EXIT_OK : FI_EXIT_PARTIAL;
}
