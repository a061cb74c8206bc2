# SPDX-License-Identifier: MIT
mn_test(test_store SOURCES unit/test_store.c LIBS mn_store PkgConfig::SQLITE PkgConfig::CMOCKA m)
mn_test(test_csv SOURCES unit/test_csv.c LIBS mn_store PkgConfig::CMOCKA)
mn_test(test_import SOURCES unit/test_import.c LIBS mn_store PkgConfig::SQLITE PkgConfig::CMOCKA)
mn_test(test_store_faults SOURCES unit/test_store_faults.c unit/store_vfs.c
	LIBS mn_store PkgConfig::SQLITE PkgConfig::CMOCKA TIMEOUT 1500)
mn_test(test_store_errors SOURCES unit/test_store_errors.c unit/store_vfs.c
	LIBS mn_store PkgConfig::SQLITE PkgConfig::CMOCKA)
mn_test(test_paths SOURCES unit/test_paths.c LIBS mn_base PkgConfig::CMOCKA)
