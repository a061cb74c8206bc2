# SPDX-License-Identifier: MIT
mn_test(test_store SOURCES unit/test_store.c LIBS mn_store PkgConfig::SQLITE PkgConfig::CMOCKA m)
