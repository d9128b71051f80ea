/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import.c: the groups firn import and firn export.
 */
#include "import/import.h"

#include "import/import_internal.h"

static const struct fi_command *const imports[] = {&fi_import_git,
                                                   &fi_import_chkpt,
                                                   &fi_import_unpack,
                                                   &fi_import_restic,
                                                   &fi_import_alopex,
                                                   &fi_import_alopex_alexs,
                                                   NULL};

const struct fi_command fi_import = {
    .name = "import",
    .summary = "Bring in what other programs have saved",
    .arguments = "",
    .help = "Commits, snapshots and archives become checkpoints of the workspace, whose files are\n"
            "not touched; databases and tables of Alopex become a keyspace of a store. Sources\n"
            "are only read. What is damaged is named, and the rest comes in. For databases of\n"
            "other engines there is firn db import --from.",
    .members = imports,
};

static const struct fi_command *const exports[] = {&fi_import_export_tar, NULL};

const struct fi_command fi_import_export = {
    .name = "export",
    .summary = "Write checkpoints for other programs",
    .arguments = "",
    .help = "Writes a checkpoint in a format that other programs read.",
    .members = exports,
};
