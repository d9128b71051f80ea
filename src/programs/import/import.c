/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import.c: the groups firn import and firn export.
 */
#include "import/import.h"

#include "import/import_internal.h"

static const struct firn_command *const imports[] = {
    &firn_import_git, &firn_import_chkpt, &firn_import_unpack, &firn_import_restic, NULL};

const struct firn_command firn_import = {
    .name = "import",
    .summary = "Bring in what other programs have saved",
    .arguments = "",
    .help = "What is imported becomes checkpoints of the workspace. Its files are not touched.\n"
            "Sources are only read. What is damaged is named, and the rest comes in.",
    .members = imports,
};

static const struct firn_command *const exports[] = {&firn_import_export_tar, NULL};

const struct firn_command firn_import_export = {
    .name = "export",
    .summary = "Write checkpoints for other programs",
    .arguments = "",
    .help = "Writes a checkpoint in a format that other programs read.",
    .members = exports,
};
