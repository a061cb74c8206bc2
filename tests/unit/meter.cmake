# SPDX-License-Identifier: MIT
mn_test(test_window SOURCES unit/test_window.c LIBS mn_meter PkgConfig::CMOCKA m LABELS unit)
mn_test(test_meter SOURCES unit/test_meter.c LIBS mn_meter PkgConfig::CMOCKA LABELS unit)
mn_test(test_ppk2 SOURCES unit/test_ppk2.c unit/ppk2_model.c LIBS mn_meter PkgConfig::CMOCKA m LABELS unit)
