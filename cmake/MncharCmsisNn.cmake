# SPDX-License-Identifier: MIT
#
# What there is of CMSIS-NN under a prefix: PREFIX/include/arm_nnfunctions.h, and the library of a core as
# PREFIX/lib/<core>/libcmsis-nn.a or, for one core only, PREFIX/lib/libcmsis-nn.a.

# The library for the core of -mcpu, or empty.
function(mn_cmsis_nn_library root cpu_flags ret)
	string(REGEX REPLACE "^.*-mcpu=([^ ;]+).*$" "\\1" core "${cpu_flags}")
	set(${ret} "" PARENT_SCOPE)
	foreach(dir IN ITEMS lib/${core} lib)
		if(EXISTS ${root}/${dir}/libcmsis-nn.a)
			set(${ret} ${root}/${dir}/libcmsis-nn.a PARENT_SCOPE)
			return()
		endif()
	endforeach()
endfunction()

# "19.1.0" and "19", from the "$Revision: V.19.1.0" of the header's comment: there is no macro. Empty without it.
function(mn_cmsis_nn_version root ret_version ret_major)
	set(${ret_version} "" PARENT_SCOPE)
	set(${ret_major} "" PARENT_SCOPE)
	if(EXISTS ${root}/include/arm_nnfunctions.h)
		file(STRINGS ${root}/include/arm_nnfunctions.h line REGEX "[$]Revision: +V\\.[0-9]" LIMIT_COUNT 1)
		if(line MATCHES "V\\.(([0-9]+)[0-9.]*)")
			set(${ret_version} ${CMAKE_MATCH_1} PARENT_SCOPE)
			set(${ret_major} ${CMAKE_MATCH_2} PARENT_SCOPE)
		endif()
	endif()
endfunction()
