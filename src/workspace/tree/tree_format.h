/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_format.h: the bytes of directory objects (prose: docs/formats/tree.md).
 *
 *   object := u8 format (1) | u8 level | body
 *   level 0, body := entry*                      entries in ascending byte order of names
 *   level n, body := item*                       at least two, for objects of level n - 1
 *
 *   entry := sized name | u8 kind | varint mode | varint uid | varint gid | le64 mtime_ns
 *            | FILE: varint size, 32 bytes hash    DIR: 32 bytes hash    SYMLINK: sized target
 *            | { varint tag > 0, ascending | sized bytes }* | varint 0
 *   item  := sized last_name | 32 bytes hash        last_name is that of the last entry below
 *   sized := varint size | bytes
 *   tags  := 1 extended attributes: { sized name | sized value }*, ascending
 *            2 hard link: path from the root of the first name of the group
 */
#ifndef FIRN_TREE_TREE_FORMAT_H
#define FIRN_TREE_TREE_FORMAT_H

enum {
    FI_TREE_FORMAT = 1,
    FI_TREE_HEADER_SIZE = 2,
    FI_TREE_TAG_END = 0,
    FI_TREE_TAG_XATTRS = 1,
    FI_TREE_TAG_HARD_LINK = 2,
    /* A body of at most FI_TREE_PART_SIZE_MAX bytes is one object. A larger one is cut after each
     * name whose XXH3-64 has none of the bits of FI_TREE_CUT_MASK once the part has
     * FI_TREE_PART_SIZE_MIN bytes, and in any case before it would exceed
     * FI_TREE_PART_SIZE_MAX. */
    FI_TREE_PART_SIZE_MIN = 8 << 10,
    FI_TREE_PART_SIZE_MAX = 64 << 10,
    FI_TREE_CUT_MASK = 0xff
};

#endif
