# SPDX-License-Identifier: MIT

foreach(part IN ITEMS addr decode elf fault m4 m7 machine)
	mn_test(test_vboard_${part} SOURCES unit/test_vboard_${part}.c
		LIBS mn_vboard mn_probes PkgConfig::CMOCKA PkgConfig::CAPSTONE)
endforeach()
