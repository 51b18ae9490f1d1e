# Debian packages, by purpose. The same names hold for Debian 12 and 13 unless a line says otherwise.
# shellcheck shell=bash disable=SC2034

# PostgreSQL with PostGIS: the versions Debian ships differ.
case "$VERSION_ID" in
  12) postgis="postgresql-15-postgis-3" ;;
  13) postgis="postgresql-17-postgis-3" ;;
  *) postgis="" ;;
esac

packages=(
  # One libgdal for everything; the Python bindings are built against it.
  libgdal-dev gdal-bin proj-data proj-bin g++ python3-dev python3-venv
  "$postgis" postgresql-client-common
  # The map server, its front door, and the mount of the mapfiles.
  cgi-mapserver nginx-light libnginx-mod-http-lua spawn-fcgi multiwatch s3fs fuse
  fonts-dejavu-core ca-certificates
  # The map of the page Collections in the Airflow UI.
  libjs-leaflet
  # A test traces what the child process that reads uploads opens.
  strace
)
