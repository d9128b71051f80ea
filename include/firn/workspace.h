/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_WORKSPACE_H
#define FIRN_WORKSPACE_H
#include "types.h"
#endif
