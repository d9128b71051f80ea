module firn

go 1.21
