/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/firn.h: the whole public API in C. Reading order:
 * - error.h, types.h, notice.h: what all headers share;
 * - store.h, cursor.h, txn.h, checkpoint.h, key.h, bulk.h: key-value stores; users of these may stop here;
 * - encryption.h: encrypted stores, and the keys that open them;
 * - value.h, table.h, table_state.h, exchange.h: tables of typed columns;
 * - vector.h: searching the rows whose vectors are nearest to a given one;
 * - scan.h: queries over tables. arrow.h, which is not included here, passes their results to other
 *   libraries as Arrow data;
 * - workspace.h: the states of directory trees;
 * - pack.h: files of immutable objects named by their hashes, without a store;
 * - chkp.h, alxs.h: files of two other systems, chkpt and alopex.
 * firn.hpp, which is not included here, wraps stores, tables and workspaces for C++17.
 */
#ifndef FIRN_FIRN_H
#define FIRN_FIRN_H

#include "alxs.h"
#include "bulk.h"
#include "checkpoint.h"
#include "chkp.h"
#include "cursor.h"
#include "encryption.h"
#include "error.h"
#include "exchange.h"
#include "key.h"
#include "notice.h"
#include "pack.h"
#include "remote.h"
#include "scan.h"
#include "store.h"
#include "table.h"
#include "table_state.h"
#include "txn.h"
#include "types.h"
#include "value.h"
#include "vector.h"
#include "workspace.h"

#endif
