/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_locked.c: what firn check and firn db check show of an encrypted store that they
 * checked without its key.
 *
 * They say what they could not look into, as text and as JSON: a store that passes is not known
 * to be as sound as one that was checked with a key.
 */
#include "task/task.h"

#include "term/term.h"

static const char not_checked[] =
    "contents of files were compared with their checksums; whether they belong together, and "
    "whether one is missing, was not";

static const char not_read[] =
    "contents of files were compared with their checksums, but those of packs were not read, which "
    "--data does; whether files belong together, and whether one is missing, was not checked";

static void
print_locked(const firn_store_check_locked_result *result, const char *limits)
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
        fi_term_out_text(": no damage\n");
    } else {
        fi_term_out_format(": %s damaged\n", fi_term_text_number(result->damaged_count, number));
    }
    fi_term_out_format("checked without the key: %s\n", limits);
}

void
fi_task_locked_show(const struct fi_cli *cli, int code,
                    const firn_store_check_locked_result *result, bool skips_contents)
{
    const char *limits = skips_contents ? not_read : not_checked;
    if (code != FIRN_OK && code != FIRN_CORRUPT) {
        return;
    }
    fi_term_json_bool("without_key", true);
    fi_term_json_string("not_checked", limits);
    fi_term_json_u64("files", result->files);
    fi_term_json_u64("blocks", result->blocks);
    fi_term_json_u64("bytes_read", result->bytes_read);
    fi_term_json_u64("log_records", result->log_records);
    fi_term_json_u64("damaged", result->damaged_count);
    if (!cli->quiet) {
        print_locked(result, limits);
    }
}
