# SPDX-License-Identifier: Apache-2.0
# What keeps libfirn and its program small. Optimized builds by gcc alone: debug and sanitizer builds are as the compiler makes them.
#
# 1. Code that no call per key, row, file or block goes through is optimized for size (-Oz): what opens, checks, repairs,
#    copies, plans, or speaks to other formats. What is not listed is optimized for speed (-O2, as the kind of build says), so a
#    new file or room is fast until somebody puts it here. Measure before: the table of docs/benchmarks.md, or valgrind's
#    instruction counts of bench/kv and of a save, a restore and a status, none of which this list changes by 2 %. With
#    FIRN_LTO the choice stays with each function when the whole of libfirn.so is optimized at its linking. (gcc's warning of
#    variables that may be uninitialized is of little worth under -Oz, where less is inlined: it names results of calls that
#    set them. Clang's analyzer and its memory checks see these files as all others.)
#    Their tail calls are ordinary calls (19 KB): a jump needs the end of the function and its check of the stack once more.
#    In files that are not listed, functions that run once for an opening, a file or a flush have the attribute cold instead.
# 2. There are no tables for unwinding stacks (a tenth of the library). Nothing here needs them: firn is C without cleanup
#    attributes, neither cancels nor ends threads, and debuggers and profilers read .debug_frame instead. Exceptions can
#    therefore not pass through firn: a callback must return (include/firn/notice.h), and firn.hpp catches what functions of
#    its caller throw before they would reach firn, and throws it on after the call.

# 3. Outside of the rooms that every key, row of a store, or block goes through, inlining may make the library larger by 3 %, not
#    by gcc's 40 %: the calls that gain most are inlined first. Code without inner loops is not aligned, and code that only
#    jumps reach is aligned nowhere.
# 4. Inline functions of base that are more than a field have one external definition (base/inline.c): gcc does not merge the
#    copies that static ones have in each file (8 KB).
# 5. libfirn.so is optimized in one piece (cmake/FirnLibrary.cmake): in several, each has its own copy of small functions and of
#    constants (8 KB). It takes one processor some seconds longer, while others compile the programs.

set(FIRN_SMALL OFF)
set(FIRN_SMALLEST -Os)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT FIRN_SANITIZE)
  set(FIRN_SMALL ON)
  if(CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
    set(FIRN_SMALLEST -Oz)
  endif()
  list(APPEND FIRN_SMALLEST -fno-optimize-sibling-calls)
  add_compile_options($<$<COMPILE_LANGUAGE:C>:-fno-asynchronous-unwind-tables>
                      $<$<COMPILE_LANGUAGE:C>:-fno-unwind-tables>)
  add_link_options(-fno-asynchronous-unwind-tables -fno-unwind-tables) # what FIRN_LTO compiles, it compiles now
endif()

# Rooms in which inlining is not limited, and those whose loops are aligned, too.
set(FIRN_HOT_ROOMS base codec log block run row memtable merge version lsm instance reading upkeep commit store txn tree)
set(FIRN_LOOP_ROOMS column chunk vector graph aggregate rowsort expr query search)

# Files whose loops over packed numbers take half of the time of a query: their functions begin where a cache line does. The same
# loops at another place take up to 8 % longer, the whole of such a query 3 %, and each change of other code moves them.
set(FIRN_KERNEL_FILES chunk/chunk_bits.c expr/expr_eval_arith.c)

# Rooms of which each file is cold.
set(FIRN_COLD_ROOMS
    lines
    storefile
    archive
    history
    keys
    unlock
    rekey
    copy
    rescue
    catalog
    place
    trust
    hosted
    handle
    present
    undo
    operations
    repair
    verify
    checkout
    watch
    watchlink
    tempfile
    chkp
    alxs
    bucket
    remote
    share
    far
    outgoing
    s3
    # where system calls, hashing and compression take nearly all of the time
    os
    posix
    objects
    pack
    # once a query or a statement, a table, or a file
    schema
    transfer
    arrow)

# Rooms of programs of which each file is cold: those that print many rows or entries, or run SQL, are not here. Imports are, as the formats are
# (zlib, git and restic take nearly all of the time).
set(FIRN_COLD_PROGRAMS
    cli
    command
    dir
    hook
    import
    mcp
    migrate
    remotes
    report
    secrets
    turn
    doctor
    service
    seed
    browse
    task)

# The files of cold rooms that a put, a walk over unchanged files, or a look at every object, goes through.
set(FIRN_WARM_FILES
    storefile/storefile.c
    os/os_dir.c
    posix/os_posix_name.c
    objects/objects_index.c
    pack/pack_format.c
    place/place_nested.c)

# The cold files of the other rooms.
set(FIRN_COLD_FILES
    # foundation
    base/error.c
    base/range_set.c
    cipher/cipher_derive.c
    cipher/cipher_keyring.c
    cipher/cipher_openssl.c
    cipher/cipher_passphrase.c
    cipher/cipher_sodium.c
    codec/compress.c # zstd and LZ4 take nearly all of its time, and of the next three
    codec/compress_delta.c
    codec/compress_stream.c
    codec/compress_writer.c
    codec/sha256.c # of what goes to object storage
    hosted/os_ram.c
    hosted/os_ram_chunks.c
    hosted/os_ram_tree.c
    hosted/os_within.c
    oswatch/os_watch.c
    oswatch/os_watch_fanotify.c
    oswatch/os_watch_inotify.c
    reference/reference.c
    reference/reference_time.c
    threads/os_jobs.c
    threads/os_pool.c
    threads/os_scheduler.c
    # engine
    block/block_publisher.c
    block/block_salvage.c
    block/block_verify.c
    run/run_check.c
    run/run_origin.c
    run/run_summary.c
    run/run_text.c
    run/run_value_cell.c
    run/run_value_file.c
    chunk/chunk_open.c
    column/column_check.c
    column/column_chunks.c
    column/column_derived.c
    column/column_filter.c
    column/column_index.c
    column/column_layout.c
    column/column_mend.c
    column/column_values.c
    compaction/compaction_load.c
    compaction/compaction.c
    compaction/compaction_adopt.c
    compaction/compaction_flush.c
    compaction/compaction_garbage.c
    compaction/compaction_graph.c
    compaction/compaction_pick.c
    compaction/compaction_renew.c
    compaction/compaction_sparse.c
    compaction/compaction_values.c # reading and writing large values takes nearly all of its time
    compaction/compaction_work.c
    graph/graph_build.c
    graph/graph_connect.c
    graph/graph_lists.c # the kernels take nearly all of its time
    graph/graph_memo.c
    graph/graph_merge.c
    graph/graph_nodes.c
    graph/graph_read.c
    graph/graph_recall.c
    graph/graph_measure.c # comparing vectors takes nearly all of its time
    graph/graph_write.c
    log/log_capture.c
    log/log_current.c
    log/log_reader.c
    log/log_recover.c
    log/log_rotate.c
    log/log_segment.c
    memtable/memtable_pool.c
    merge/merge_ranges.c
    merge/merge_snapshot_mark.c
    lsm/lsm.c
    lsm/lsm_hot_copy.c
    lsm/lsm_check.c
    lsm/lsm_clone.c
    lsm/lsm_collect.c
    lsm/lsm_compare.c
    lsm/lsm_diff.c
    lsm/lsm_install.c
    lsm/lsm_origin.c
    lsm/lsm_pieces.c
    lsm/lsm_vectors.c
    row/row_check.c
    row/row_estimate.c
    run/run_value_writer.c
    run/run_pieces.c # the disk takes nearly all of its time
    txn/txn_cursor.c
    txn/txn_merge.c
    txn/txn_conflict.c
    block/block_descriptor.c
    text/text_value.c
    row/row_open.c
    store/db.c
    store/db_bulk.c
    inspect/inspect_check.c
    store/db_checkpoint.c
    store/db_create.c
    inspect/inspect_diff.c
    store/db_keys.c
    difference/difference_graft.c
    oswatch/os_watch_handles.c
    upkeep/db_dropped.c
    upkeep/db_full.c
    upkeep/db_rest.c
    lsm/lsm_measure.c
    lsm/lsm_tree_size.c
    instance/db_history.c
    log/log_lend.c
    log/log_watch.c
    run/run_sections.c
    statcache/statcache_print.c
    block/block_cache_lend.c
    compaction/compaction_sort.c
    csv/csv_sniff.c
    instance/db_handles.c
    instance/db_memory.c
    difference/difference_content.c
    difference/difference_lines.c
    lsm/lsm_number.c
    api/api_options.c
    codec/hex.c
    compaction/compaction_inputs.c
    scan/scan_rules.c
    inspect/inspect_locked.c
    store/db_holder.c
    store/db_image.c
    instance/db_jobs.c
    store/db_keyspace.c
    store/db_layout.c
    upkeep/db_maintain.c
    store/db_path.c
    reading/db_pieces.c
    reading/db_snapshot_list.c # mutexes take most of its time
    reading/db_snapshot_take.c
    instance/db_reader.c
    store/db_replay.c
    store/db_replay_attest.c
    instance/db_space.c
    reading/db_visible.c
    inspect/inspect_stats.c
    txn/txn_run.c
    manifest/manifest.c
    manifest/manifest_edit.c
    manifest/manifest_state.c
    version/version_create.c
    version/version_file.c
    version/version_history.c
    version/version_reads.c # one in 64 reads is noted
    version/version_source.c
    version/version_values.c
    # tables
    csv/csv_infer.c
    csv/csv_writer.c # formatting numbers takes longer
    json/json_reader.c
    json/json_writer.c
    vectorfile/vectorfile.c
    text/text_time.c
    aggregate/aggregate.c
    aggregate/aggregate_spill.c
    spill/spill.c
    expr/expr.c
    expr/expr_arith.c
    expr/expr_bind.c
    expr/expr_call.c
    expr/expr_cast.c
    expr/expr_create.c
    expr/expr_eval.c
    expr/expr_eval_text.c
    expr/expr_eval_time.c
    expr/expr_fold.c
    expr/expr_group.c
    expr/expr_leaf.c
    text/text_token.c
    expr/expr_list.c
    expr/expr_literal.c
    expr/expr_order.c
    expr/expr_parse.c
    expr/expr_split.c
    expr/expr_typed.c
    query/query.c
    query/query_group.c
    query/query_plan.c
    query/query_source.c
    search/search_measure.c
    search/search.c
    search/search_graph.c
    search/search_result.c
    search/search_source.c
    search/search_top.c
    rows/rows.c
    rows/rows_bulk.c
    rows/rows_auto.c
    rows/rows_write.c
    rows/rows_check.c
    rows/rows_diff.c
    rows/rows_index.c
    rows/rows_mend.c
    rows/rows_stats.c
    # workspace
    gitdir/gitdir.c
    gitdir/gitdir_files.c
    gitdir/gitdir_join.c
    gitdir/gitdir_locks.c
    gitdir/gitdir_settle.c
    gitdir/gitdir_stage.c
    gitdir/gitdir_walk.c
    operations/ws_repository.c
    operations/ws_repository_step.c
    present/ws_save_repositories.c
    repository/repository.c
    repository/repository_config.c
    repository/repository_describe.c
    repository/repository_index.c
    scan/scan_cell_walk.c # a system call for each run of data
    scan/scan_build.c # hashing what it builds takes nearly all of its time, as cutting and hashing do of the next two
    scan/scan_segment.c
    scan/scan_window.c
    scan/scan_repository.c
    difference/difference_forget.c
    difference/difference_merge.c
    difference/difference_merge_entry.c
    difference/difference_merge_links.c
    difference/difference_renames.c
    difference/difference_walk.c
    gc/gc.c
    gc/gc_auto.c
    gc/gc_slice.c
    gc/gc_delete.c
    gc/gc_expire.c
    gc/gc_join.c
    gc/gc_mark.c
    gc/gc_move.c
    gc/gc_names.c
    gc/gc_plan.c
    gc/gc_rekey.c
    gc/gc_report.c
    gc/gc_steps.c
    gc/gc_versions.c
    gc/gc_wants.c
    type/type.c
    rules/rules_list.c
    rules/rules_left_out.c
    rules/rules.c
    scan/scan.c
    scan/scan_carry.c
    scan/scan_confined.c
    scan/scan_file.c
    scan/scan_large.c
    scan/scan_links.c
    scan/scan_report.c
    scan/scan_sink.c
    scan/scan_sqlite.c
    scan/scan_store.c
    scan/scan_xattrs.c
    statcache/statcache_sweep.c
    tree/tree_build.c
    tree/tree_filter.c
    tree/tree_lookup.c
    tree/tree_reserved.c
    # api
    api/alxs_api.c
    api/scan_api.c
    api/store_api.c
    api/table_api.c
    api/table_bulk_api.c
    api/table_struct_api.c
    api/txn_api.c
    api/vector_api.c
    api/arrow_api.c
    api/bulk_api.c
    api/checkpoint_api.c
    api/encryption_api.c
    api/remote_api.c
    api/chkp_api.c
    api/exchange_api.c
    api/types_api.c
    api/pack_api.c
    api/table_state_api.c
    api/workspace_api.c)

# firn_shrink_cold(ROOM SOURCES...): optimizes the cold ones of a room's sources for size.
function(firn_shrink_cold room)
  if(FIRN_SMALL)
    target_compile_options(firn_${room} PRIVATE -falign-jumps=1)
  endif()
  if(FIRN_SMALL AND NOT room IN_LIST FIRN_HOT_ROOMS)
    target_compile_options(firn_${room} PRIVATE --param=inline-unit-growth=3)
    if(NOT room IN_LIST FIRN_LOOP_ROOMS)
      target_compile_options(firn_${room} PRIVATE -falign-functions=1 -falign-loops=1)
    endif()
  endif()
  foreach(source IN LISTS ARGN)
    if("${room}/${source}" IN_LIST FIRN_WARM_FILES)
      set_property(GLOBAL APPEND PROPERTY FIRN_COLD_FOUND ${room}/${source})
    elseif(source MATCHES "\\.c$" AND (room IN_LIST FIRN_COLD_ROOMS OR room IN_LIST FIRN_COLD_PROGRAMS OR
                                      "${room}/${source}" IN_LIST FIRN_COLD_FILES))
      set_property(GLOBAL APPEND PROPERTY FIRN_COLD_FOUND ${room} ${room}/${source})
      if(FIRN_SMALL)
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${FIRN_SMALLEST};-Wno-maybe-uninitialized")
      endif()
    elseif("${room}/${source}" IN_LIST FIRN_KERNEL_FILES)
      set_property(GLOBAL APPEND PROPERTY FIRN_COLD_FOUND ${room}/${source})
      if(FIRN_SMALL)
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -falign-functions=64)
      endif()
    endif()
  endforeach()
endfunction()

# firn_check_cold(): every name of the lists is that of a room or a file.
function(firn_check_cold)
  get_property(found GLOBAL PROPERTY FIRN_COLD_FOUND)
  foreach(name IN LISTS FIRN_COLD_ROOMS FIRN_COLD_FILES FIRN_WARM_FILES FIRN_KERNEL_FILES)
    if(NOT name IN_LIST found)
      message(FATAL_ERROR "cmake/FirnSize.cmake names ${name}, which is no room or file of libfirn")
    endif()
  endforeach()
endfunction()
