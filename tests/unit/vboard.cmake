# SPDX-License-Identifier: MIT

foreach(part IN ITEMS addr blocks decode elf fault m4 m7 machine)
	mn_test(test_vboard_${part} SOURCES unit/test_vboard_${part}.c
		LIBS mn_vboard mn_probes PkgConfig::CMOCKA PkgConfig::CAPSTONE)
endforeach()
mn_test(test_validation SOURCES unit/test_validation.c
	LIBS mn_vboard mn_base mn_cost mn_probes PkgConfig::CMOCKA PkgConfig::JANSSON)
