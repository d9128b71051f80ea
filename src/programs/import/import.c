/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import.c: the groups firn import and firn export.
 */
#include "import/import.h"

#include "import/import_internal.h"

static const struct firn_command *const imports[] = {&firn_import_git,
                                                     &firn_import_chkpt,
                                                     &firn_import_unpack,
                                                     &firn_import_restic,
                                                     &firn_import_alopex,
                                                     &firn_import_alopex_alexs,
                                                     NULL};

const struct firn_command firn_import = {
    .name = "import",
    .summary = "Bring in what other programs have saved",
    .arguments = "",
    .help = "Commits, snapshots and archives become checkpoints of the workspace, whose files are\n"
            "not touched; databases and tables of Alopex become a keyspace of a store. Sources\n"
            "are only read. What is damaged is named, and the rest comes in. For databases of\n"
            "other engines there is firn db import --from.",
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
