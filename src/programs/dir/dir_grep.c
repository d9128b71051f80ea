/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_grep.c: firn grep.
 *
 * The checkpoint is compared with nothing, so the library hands over the content of each text file.
 * Files of which it compares no lines, because they are binary or very large, are noted, and are
 * read piece by piece afterwards. A line of these that is longer than the buffer is searched in
 * parts; of a hole, whose parts are all alike, one is searched for all.
 *
 * The exit code is that of grep: 0 if anything matched, 1 if nothing did, and another one after a
 * failure.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

enum {
    EXIT_NO_MATCH = 1,
    EXIT_TROUBLE = 2,
    LINE_SIZE_MAX = 4 << 20, /* of a file that is read piece by piece */
    LOOK_SIZE = 8000         /* a file with a NUL before is binary, as for the library */
};

/* Of a file that is read piece by piece. */
struct later {
    firn_hash hash;
    uint64_t size_bytes;
};

/* A struct later and a path with a NUL for each file. */
struct paths {
    char *data;
    size_t size;
    size_t capacity;
};

struct grep {
    struct fi_cli *cli;
    firn_workspace *workspace;
    struct fi_past_pattern pattern;
    bool counts;
    bool names_only;
    bool numbers;
    bool is_terminal;
    bool has_match;
    bool is_out_of_memory;
    struct paths later; /* files that are read piece by piece */
    /* The file that is read piece by piece: */
    firn_slice path;
    uint8_t *buffer;
    size_t buffered;
    uint64_t offset; /* of the buffer in the file */
    bool is_binary;
    uint32_t line;
    uint64_t count;
    bool has_searched; /* the last such file, without a match: */
    struct later searched;
};

/* ---- results ---- */

static void
print_path(firn_slice path)
{
    fi_term_colour(FI_TERM_CYAN);
    fi_term_path_print(path);
    fi_term_colour(FI_TERM_PLAIN);
}

static void
print_text(const struct grep *grep, firn_slice text)
{
    if (grep->is_terminal) {
        fi_show_words_write_text(text);
    } else {
        fi_term_out_write(text.data, text.size);
    }
}

/* The line, with its matches in red. */
static void
print_matches(struct grep *grep, firn_slice text)
{
    size_t at = 0;
    firn_slice match;
    while (at < text.size && fi_past_pattern_find(&grep->pattern, text, at, &match)) {
        size_t begin = (size_t)(match.data - text.data);
        print_text(grep, firn_bytes(text.data + at, begin - at));
        fi_term_colour(FI_TERM_RED);
        print_text(grep, match);
        fi_term_colour(FI_TERM_PLAIN);
        at = begin + match.size;
    }
    print_text(grep, firn_bytes(text.data + at, text.size - at));
}

static void
show_name(firn_slice path)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("path", path);
    fi_term_json_end();
    print_path(path);
    fi_term_out_text("\n");
}

static void
show_count(firn_slice path, uint64_t count)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("path", path);
    fi_term_json_u64("count", count);
    fi_term_json_end();
    print_path(path);
    fi_term_out_format(":%llu\n", (unsigned long long)count);
}

static void
show_binary(firn_slice path)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("path", path);
    fi_term_json_bool("binary", true);
    fi_term_json_end();
    fi_term_out_text("Binary file ");
    print_path(path);
    fi_term_out_text(" matches\n");
}

static void
show_line(struct grep *grep, firn_slice path, uint32_t line, firn_slice text)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("path", path);
    fi_term_json_u64("line", line);
    fi_term_json_bytes("text", text);
    fi_term_json_end();
    print_path(path);
    fi_term_out_text(":");
    if (grep->numbers) {
        fi_term_colour(FI_TERM_GREEN);
        fi_term_out_format("%lu", (unsigned long)line);
        fi_term_colour(FI_TERM_PLAIN);
        fi_term_out_text(":");
    }
    if (fi_term_colour_is_on()) {
        print_matches(grep, text);
    } else {
        print_text(grep, text);
    }
    fi_term_out_text("\n");
}

/* Whether to look no further in this file, after a match. */
static bool
is_enough(const struct grep *grep)
{
    return grep->cli->quiet || grep->names_only || (grep->is_binary && !grep->counts) ||
           fi_term_out_error() != 0 || fi_term_signals_caught() != 0;
}

/* Shows the matches in a part of the file, which begins at a line's begin. Returns whether that is
 * enough. */
static bool
dir_grep_search(struct grep *grep, firn_slice path, firn_slice content)
{
    struct fi_show_lines walk = {content, grep->line};
    firn_slice line;
    while (fi_past_pattern_next(&grep->pattern, &walk, &line)) {
        if (grep->count == 0) {
            fi_term_meter_clear();
        }
        grep->has_match = true;
        grep->count++;
        if (!grep->cli->quiet && !grep->names_only && !grep->counts && !grep->is_binary) {
            show_line(grep, path, walk.line, line);
        }
        if (is_enough(grep)) {
            return true;
        }
    }
    grep->is_out_of_memory = grep->is_out_of_memory || grep->pattern.is_out_of_memory;
    while (walk.left.size > 0) {
        (void)fi_show_lines_next(&walk); /* only to number the lines of the next part */
    }
    bool is_cut = content.size > 0 && content.data[content.size - 1] != '\n';
    grep->line = walk.line - is_cut; /* the rest of the line is in the next part */
    return false;
}

static void
begin_file(struct grep *grep)
{
    grep->is_binary = false;
    grep->line = 0;
    grep->count = 0;
    grep->offset = 0;
    grep->buffered = 0;
}

static void
end_file(const struct grep *grep, firn_slice path)
{
    if (grep->count == 0 || grep->cli->quiet) {
        return;
    }
    if (grep->names_only) {
        show_name(path);
    } else if (grep->counts) {
        show_count(path, grep->count);
    } else if (grep->is_binary) {
        show_binary(path);
    }
}

/* ---- text files ---- */

static bool
dir_grep_note(struct paths *paths, const firn_workspace_entry *entry)
{
    const struct later later = {.hash = entry->hash, .size_bytes = entry->size_bytes};
    const firn_slice path = entry->path;
    size_t needed = paths->size + sizeof later + path.size + 1;
    if (needed > paths->capacity) {
        size_t capacity = 2 * needed;
        char *data = realloc(paths->data, capacity);
        if (data == NULL) {
            return false;
        }
        paths->data = data;
        paths->capacity = capacity;
    }
    memcpy(paths->data + paths->size, &later, sizeof later);
    memcpy(paths->data + paths->size + sizeof later, path.data, path.size);
    paths->data[needed - 1] = '\0';
    paths->size = needed;
    return true;
}

static int
dir_grep_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct grep *grep = ctx;
    const firn_workspace_entry *entry = difference->change.after;
    if (entry->type != FIRN_ENTRY_FILE || entry->size_bytes == 0) {
        return FIRN_OK;
    }
    if (difference->lines != FIRN_LINES_COUNTED) {
        grep->is_out_of_memory = !dir_grep_note(&grep->later, entry);
    } else {
        begin_file(grep);
        (void)dir_grep_search(grep, entry->path, difference->content_after);
        end_file(grep, entry->path);
    }
    bool is_done =
        grep->is_out_of_memory || (grep->has_match && grep->cli->quiet) || fi_term_out_error() != 0;
    return is_done ? FIRN_CANCELLED : FIRN_OK;
}

/* ---- other files ---- */

/* Searches the whole lines in the buffer, or all of it, and keeps the rest. */
static bool
search_buffer(struct grep *grep, bool is_all)
{
    size_t size = grep->buffered;
    while (!is_all && size > 0 && grep->buffer[size - 1] != '\n') {
        size--;
    }
    size = size == 0 && grep->buffered == LINE_SIZE_MAX ? LINE_SIZE_MAX : size;
    bool is_done = dir_grep_search(grep, grep->path, firn_bytes(grep->buffer, size));
    memmove(grep->buffer, grep->buffer + size, grep->buffered - size);
    grep->buffered -= size;
    return is_done;
}

static int
take_piece(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    struct grep *grep = ctx;
    while (data.size > 0) {
        size_t size = LINE_SIZE_MAX - grep->buffered;
        size = data.size < size ? data.size : size;
        if (grep->offset < LOOK_SIZE) {
            size_t look = LOOK_SIZE - (size_t)grep->offset;
            grep->is_binary =
                grep->is_binary || memchr(data.data, '\0', size < look ? size : look) != NULL;
        }
        memcpy(grep->buffer + grep->buffered, data.data, size);
        grep->buffered += size;
        grep->offset += size;
        data = firn_bytes(data.data + size, data.size - size);
        if (grep->buffered == LINE_SIZE_MAX && search_buffer(grep, false)) {
            return FIRN_CANCELLED;
        }
    }
    return fi_term_signals_caught() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

/* A hole: zeros, without an end of a line. Parts of zeros are all alike, so one of them is searched
 * for all. */
static int
take_hole(struct grep *grep, uint64_t size, firn_error *err)
{
    static const uint8_t zeros[64 << 10];
    int code = FIRN_OK;
    while (size > 0 && code == FIRN_OK) {
        const bool is_at_part = grep->buffered == 0 && size >= LINE_SIZE_MAX;
        const uint64_t before = grep->count;
        uint64_t part = is_at_part ? LINE_SIZE_MAX : LINE_SIZE_MAX - grep->buffered;
        part = part < size ? part : size;
        for (uint64_t left = part; left > 0 && code == FIRN_OK;) {
            const size_t some = left < sizeof zeros ? (size_t)left : sizeof zeros;
            code = take_piece(grep, firn_bytes(zeros, some), err);
            left -= some;
        }
        size -= part;
        if (is_at_part && code == FIRN_OK) {
            const uint64_t alike = size / LINE_SIZE_MAX;
            grep->count += alike * (grep->count - before);
            grep->offset += alike * LINE_SIZE_MAX;
            size -= alike * LINE_SIZE_MAX;
        }
    }
    return code;
}

static int
take_part(void *ctx, firn_slice data, firn_error *err)
{
    return data.data != NULL ? take_piece(ctx, data, err) : take_hole(ctx, data.size, err);
}

/* Files with the content that was searched last and had no match have none either. */
static bool
is_known(const struct grep *grep, const struct later *later)
{
    return grep->has_searched && grep->searched.size_bytes == later->size_bytes &&
           memcmp(&grep->searched.hash, &later->hash, sizeof later->hash) == 0;
}

static int
search_one(struct grep *grep, firn_workspace_reader *reader, const struct later *later,
           bool *out_is_done, firn_error *err)
{
    *out_is_done = false;
    begin_file(grep);
    int code = firn_workspace_reader_part(reader, &later->hash, later->size_bytes, 0,
                                          later->size_bytes, take_part, grep, err);
    *out_is_done = code != FIRN_OK && grep->count > 0 && is_enough(grep);
    if (code == FIRN_OK) {
        (void)search_buffer(grep, true);
    }
    grep->has_searched = code == FIRN_OK && grep->count == 0;
    grep->searched = *later;
    end_file(grep, grep->path);
    return *out_is_done && fi_term_signals_caught() == 0 ? FIRN_OK : code;
}

static int
search_later(struct grep *grep, firn_error *err)
{
    firn_workspace_reader *reader = NULL;
    int code = FIRN_OK;
    if (grep->later.size == 0) {
        return FIRN_OK;
    }
    code = firn_workspace_reader_open(grep->workspace, &reader, err);
    grep->buffer = malloc(LINE_SIZE_MAX);
    grep->is_out_of_memory = grep->is_out_of_memory || grep->buffer == NULL;
    for (size_t at = 0; at < grep->later.size && code == FIRN_OK && !grep->is_out_of_memory;) {
        struct later later;
        bool is_done;
        memcpy(&later, grep->later.data + at, sizeof later);
        grep->path = firn_str(grep->later.data + at + sizeof later);
        at += sizeof later + grep->path.size + 1;
        if (!is_known(grep, &later)) {
            code = search_one(grep, reader, &later, &is_done, err);
        }
        if (grep->has_match && grep->cli->quiet) {
            break;
        }
    }
    firn_workspace_reader_close(reader);
    free(grep->buffer);
    return code;
}

/* ---- the whole ---- */

static int
search_checkpoint(struct grep *grep, const char *reference,
                  const struct fi_task_workspace_paths *paths)
{
    firn_error err;
    struct fi_task_notices notices;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    firn_workspace_checkpoint *checkpoint = NULL;
    int code = firn_workspace_find(grep->workspace, reference, &checkpoint, &err);
    if (code != FIRN_OK) {
        const char *hint = fi_task_workspace_hint_or_path(grep->workspace, reference, code);
        return fi_command_report_failure(grep->cli, &err, hint);
    }
    fi_task_notices_init(&notices, grep->cli);
    options.after = checkpoint->id;
    options.against_nothing = true;
    options.with_lines = true;
    options.paths = paths->slices;
    options.path_count = paths->count;
    options.callbacks = fi_task_notices_callbacks(&notices);
    fi_term_json_array("matches");
    code = firn_workspace_diff(grep->workspace, &options, dir_grep_visit, grep, &result, &err);
    bool is_done = grep->has_match && grep->cli->quiet && fi_term_signals_caught() == 0;
    if (code == FIRN_OK && !is_done) {
        code = search_later(grep, &err);
        is_done = grep->has_match && grep->cli->quiet && fi_term_signals_caught() == 0;
    }
    fi_term_meter_clear();
    int exit_code = grep->has_match ? FI_EXIT_OK : EXIT_NO_MATCH;
    if (grep->is_out_of_memory) {
        exit_code = fi_command_report_no_memory(grep->cli);
    } else if (code != FIRN_OK && !is_done) {
        exit_code = fi_command_report_failure(
            grep->cli, &err, fi_task_workspace_hint_paths(NULL, paths->count, code));
    } else {
        fi_term_json_end();
        fi_show_checkpoint_json("checkpoint", checkpoint);
    }
    bool has_failed = grep->is_out_of_memory || (code != FIRN_OK && !is_done);
    firn_release(result.after);
    firn_release(checkpoint);
    fi_task_notices_deinit(&notices);
    return has_failed && exit_code == FI_EXIT_FAILED ? EXIT_TROUBLE : exit_code;
}

static int
dir_grep_run(struct fi_cli *cli)
{
    struct grep grep = {.cli = cli};
    struct fi_show_patch patch;
    struct fi_task_workspace_paths paths = {NULL, 0};
    struct fi_task_workspace_references references = {0};
    fi_show_patch_init(&patch);
    grep.is_terminal = patch.is_terminal;
    grep.counts = fi_command_has(cli, "count");
    grep.names_only = fi_command_has(cli, "files-with-matches");
    grep.numbers = fi_command_has(cli, "line-number");
    int exit_code = fi_past_pattern_init(&grep.pattern, cli, cli->arguments[0],
                                         fi_command_has(cli, "fixed-strings"),
                                         fi_command_has(cli, "ignore-case"));
    if (exit_code != FI_EXIT_OK) {
        return exit_code == FI_EXIT_FAILED ? EXIT_TROUBLE : exit_code;
    }
    exit_code = fi_task_workspace_open(cli, &grep.workspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_references_init(cli, grep.workspace, 1, 1, &references);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_paths_init(cli, grep.workspace, 1 + references.words, &paths);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = search_checkpoint(&grep, references.first != NULL ? references.first : "latest",
                                      &paths);
    } else if (exit_code == FI_EXIT_FAILED) {
        exit_code = EXIT_TROUBLE;
    }
    free(grep.later.data);
    fi_past_pattern_deinit(&grep.pattern);
    fi_task_workspace_paths_deinit(&paths);
    fi_task_workspace_references_deinit(&references);
    firn_workspace_close(grep.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"ignore-case", 'i', NULL, "ignore the case of letters"},
    {"fixed-strings", 'F', NULL, "search for the text PATTERN, not a regular expression"},
    {"line-number", 'n', NULL, "print the number of each line"},
    {"files-with-matches", 'l', NULL, "print only the names of files with a match"},
    {"count", 'c', NULL, "print how many lines match in each file with a match"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn grep hello", "find hello in the newest checkpoint"},
    {"firn grep -n 'int (main|start)' 12 src", "search src as it was in checkpoint 12"},
    {"firn grep -lF 'a.b[0]' yesterday", "list the files that contained a.b[0] then"},
    {NULL, NULL},
};

const struct fi_command fi_dir_grep = {
    .name = "grep",
    .summary = "Search the files of a checkpoint",
    .arguments = "PATTERN [REF] [PATH...]",
    .options = options,
    .help = "Prints each line of a file in a checkpoint (default: latest) that matches, after\n"
            "the path of the file. PATTERN is a POSIX extended regular expression; it matches\n"
            "bytes, and -i ignores the case of ASCII letters. PATHs limit the search to\n"
            "themselves and everything below them. The files on disk are not searched.\n"
            "What names a checkpoint is one: write -- before a file of the same name.\n"
            "\n"
            "Of a binary file (see firn help diff) is told only that it matches. Binary files\n"
            "and those with more than 32 MiB or 1,048,576 lines come last; their lines are\n"
            "searched in parts of 4 MiB where they are longer.\n"
            "\n"
            "The exit code is 0 if a line matched, 1 if none did, and 2 or more after an\n"
            "error. With --quiet nothing is printed, and the search ends with the first\n"
            "match. On a terminal, control characters are shown as escapes.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = dir_grep_run,
};
