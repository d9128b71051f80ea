/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rules/ignore_table.h: one rule file with everything in it, and what it says of paths.
 * test_ws_ignore.c saves the tree, test_ignore_git.c asks git about it.
 */
#ifndef FIRN_TEST_IGNORE_TABLE_H
#define FIRN_TEST_IGNORE_TABLE_H

#include <stdbool.h>

/* A byte order mark; lines that end in CR LF; spaces at the end; no line break after the last. */
static const char IGNORE_TABLE_RULES[] = "\xef\xbb\xbf*.log\n"
                                         "build/\r\n"
                                         "/only-root\n"
                                         "a/**/z\n"
                                         "!keep.log\r\n"
                                         "\\#lit\n"
                                         "# comment\n"
                                         "\n"
                                         "trailing   \n"
                                         "kept\\ \n"
                                         "tab\t\n"
                                         "\\!bang\n"
                                         "logs/*\n"
                                         "!logs/k\n"
                                         "**/deep/x\n"
                                         "doc/*.txt\n"
                                         "img/**\n"
                                         "!img/**/\n"
                                         "!img/**/*.svg\n"
                                         "[a-c]1\n"
                                         "[!a-c]2\n"
                                         "q?s\n"
                                         "/src/gen/*\n"
                                         "!/src/gen/keep\n"
                                         "[[:digit:]][[:digit:]]\n"
                                         "last";

struct ignore_table_entry {
    const char *path; /* with a slash after it: an empty directory */
    bool is_excluded; /* itself, or a directory it lies in */
};

static const struct ignore_table_entry IGNORE_TABLE[] = {
    {"x.log", true},
    {"sub/x.log", true},
    {"keep.log", false},
    {"sub/keep.log", false},
    {"x.logs", false},
    {".log", true},
    {"build/out", true},
    {"sub/build/out", true},
    {"files/build", false},
    {"only-root", true},
    {"sub/only-root", false},
    {"a/z", true},
    {"a/b/z", true},
    {"a/b/c/z", true},
    {"a/b/c/y", false},
    {"sub/a/z", false},
    {"#lit", true},
    {"sub/#lit", true},
    {"# comment", false},
    {"comment", false},
    {"trailing", true},
    {"trailing   ", false},
    {"kept ", true},
    {"kept", false},
    {"tab\t", true},
    {"tab", false},
    {"!bang", true},
    {"bang", false},
    {"logs/j", true},
    {"logs/k", false},
    {"logs/sub/f", true},
    {"sub/logs/j", false},
    {"deep/x", true},
    {"one/deep/x", true},
    {"one/two/deep/x", true},
    {"deep/y", false},
    {"doc/a.txt", true},
    {"doc/sub/a.txt", false},
    {"sub/doc/a.txt", false},
    {"img/a.png", true},
    {"img/a.svg", false},
    {"img/sub/a.png", true},
    {"img/sub/a.svg", false},
    {"img.png", false},
    {"a1", true},
    {"c1", true},
    {"d1", false},
    {"d2", true},
    {"a2", false},
    {"qrs", true},
    {"qs", false},
    {"qrrs", false},
    {"src/gen/made", true},
    {"src/gen/keep", false},
    {"src/gen/sub/f", true},
    {"sub/src/gen/made", false},
    {"12", true},
    {"1x", false},
    {"123", false},
    {"last", true},
    {"lasting", false},
    {"sub/last", true},
    {"empty/", false},
    {"other/build/", true},
};
enum { IGNORE_TABLE_COUNT = sizeof IGNORE_TABLE / sizeof IGNORE_TABLE[0] };

#endif
