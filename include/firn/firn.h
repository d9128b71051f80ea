/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/firn.h: the whole public API. Reading order: error.h, types.h, notice.h, store.h, cursor.h,
 * txn.h, checkpoint.h, key.h, bulk.h, workspace.h, pack.h, chkp.h, alxs.h.
 */
#ifndef FIRN_FIRN_H
#define FIRN_FIRN_H

#include "alxs.h"
#include "bulk.h"
#include "checkpoint.h"
#include "chkp.h"
#include "cursor.h"
#include "error.h"
#include "key.h"
#include "notice.h"
#include "pack.h"
#include "store.h"
#include "txn.h"
#include "types.h"
#include "workspace.h"

#endif
