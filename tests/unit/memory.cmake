# SPDX-License-Identifier: MIT
mn_test(test_planner SOURCES unit/test_planner.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_arena SOURCES unit/test_arena.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_arena_truth SOURCES unit/test_arena_truth.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_flash SOURCES unit/test_flash.c LIBS mn_model PkgConfig::CMOCKA m)
mn_test(test_counts SOURCES unit/test_counts.c LIBS mn_model PkgConfig::CMOCKA)
mn_test(test_memory_cli SOURCES unit/test_memory_cli.c LIBS PkgConfig::JANSSON PkgConfig::CMOCKA)
add_dependencies(test_memory_cli mnchar)
