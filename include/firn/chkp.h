/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_CHKP_H
#define FIRN_CHKP_H
#include "types.h"
#endif
