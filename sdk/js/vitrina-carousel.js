// `<vitrina-carousel>`: rows of products that Vitrina chose, on any shop's page. See README.md.

import { VitrinaCarousel } from './src/element.js';

if (!customElements.get('vitrina-carousel')) customElements.define('vitrina-carousel', VitrinaCarousel);

export { VitrinaCarousel };
