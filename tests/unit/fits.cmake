# SPDX-License-Identifier: MIT
mn_test(test_regress SOURCES unit/test_regress.c LIBS mn_fits PkgConfig::GSL PkgConfig::CMOCKA m)
mn_test(test_fit SOURCES unit/test_fit.c LIBS mn_fits PkgConfig::SQLITE PkgConfig::CMOCKA m)
mn_test(test_cost SOURCES unit/test_cost.c
	LIBS mn_export mn_fits PkgConfig::JANSSON PkgConfig::SQLITE PkgConfig::CMOCKA m)
mn_test(test_fit_cli SOURCES unit/test_fit_cli.c
	LIBS mn_store PkgConfig::JANSSON PkgConfig::SQLITE PkgConfig::CMOCKA m)
add_dependencies(test_fit_cli mnchar)
mn_test(test_adaptive SOURCES unit/test_adaptive.c LIBS mn_fits PkgConfig::SQLITE PkgConfig::CMOCKA m)
mn_test(test_models SOURCES unit/test_models.c LIBS mn_fits PkgConfig::SQLITE PkgConfig::CMOCKA m)
mn_test(test_calibration SOURCES unit/test_calibration.c LIBS mn_fits PkgConfig::SQLITE PkgConfig::CMOCKA m)
mn_test(test_energy_fit SOURCES unit/test_energy_fit.c LIBS mn_fits PkgConfig::SQLITE PkgConfig::CMOCKA m)
